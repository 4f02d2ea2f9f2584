package io.espalier.spine.trace;

import io.espalier.spine.disk.Disk;
import io.espalier.spine.disk.DiskLock;
import io.espalier.spine.disk.LockHeldException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * What opening a store and verifying it have in common: the lock, and reading what the manifest
 * says.
 */
final class StoreCheck {

    private StoreCheck() {}

    static DiskLock lock(Disk disk, boolean shared) {
        try {
            return disk.lock(Names.LOCK, shared, "process " + ProcessHandle.current().pid());
        } catch (LockHeldException e) {
            throw new StoreException.Locked(disk.describe(""), e.holder(), e);
        } catch (IOException e) {
            throw StoreException.of(disk, Names.LOCK, "locking the store", e);
        }
    }

    /**
     * Brings {@code state} to what the manifest says.
     *
     * @throws StoreException.Damaged if that is not to be relied on
     */
    static ManifestScan replay(Disk disk, StoreFile store, ManifestState state) throws IOException {
        ManifestScan scan = ManifestScan.of(disk, store);
        List<Damage> damages = new ArrayList<>(scan.damages());
        if (damages.isEmpty()) {
            replay(disk, store, scan, state, damages);
        }
        if (!damages.isEmpty()) {
            throw new StoreException.Damaged(damages.getFirst());
        }
        return scan;
    }

    private static void replay(
            Disk disk,
            StoreFile store,
            ManifestScan scan,
            ManifestState state,
            List<Damage> damages) {
        for (ManifestScan.Entry entry : scan.entries()) {
            try {
                if (entry.kind() == ManifestFormat.KIND_SNAPSHOT) {
                    state.restore(entry.payload());
                } else {
                    state.apply(entry.payload());
                }
            } catch (ManifestState.MalformedException e) {
                damages.add(
                        new Damage(
                                disk.describe(ManifestFormat.fileName(store.manifestNumber())),
                                entry.offset(),
                                "the record makes no sense: " + e.getMessage()));
                return;
            }
        }
    }

    static VerifyReport verify(Disk disk, ManifestState state) {
        List<Damage> damages = new ArrayList<>();
        List<String> notes = new ArrayList<>();
        long[] counted = new long[2];
        try {
            if (StoreLayout.look(disk) != StoreLayout.Found.STORE) {
                throw new StoreException.Absent(disk.describe(""));
            }
            DiskLock lock = lock(disk, /* shared= */ true);
            try {
                verifyLocked(disk, state, damages, notes, counted);
            } finally {
                lock.close();
            }
        } catch (StoreException.Damaged e) {
            damages.add(e.damage());
        } catch (IOException e) {
            throw StoreException.of(disk, "", "verifying the store", e);
        }
        return new VerifyReport(counted[0], counted[1], damages, notes);
    }

    private static void verifyLocked(
            Disk disk,
            ManifestState state,
            List<Damage> damages,
            List<String> notes,
            long[] counted)
            throws IOException {
        StoreFile store = StoreFile.read(disk);
        ManifestScan scan = ManifestScan.of(disk, store);
        counted[0] = 2;
        counted[1] = StoreFile.BYTES + scan.fileBytes();
        damages.addAll(scan.damages());
        if (scan.note() != null) {
            notes.add(scan.note());
        }
        if (damages.isEmpty()) {
            replay(disk, store, scan, state, damages);
        }
        if (!damages.isEmpty()) {
            return;
        }
        String manifest = ManifestFormat.fileName(store.manifestNumber());
        for (StoreLayout.Stray stray : StoreLayout.strays(disk, manifest, state)) {
            notes.add(
                    disk.describe(stray.name())
                            + (stray.isOurs()
                                    ? ": left by unfinished work; the next opening deletes it"
                                    : ": no part of the store"));
        }
    }
}
