package io.espalier.spine.trace;

import io.espalier.spine.disk.Disk;
import io.espalier.spine.disk.DiskLock;
import io.espalier.spine.disk.LockHeldException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

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

    /** What a verification finds on its way. */
    static final class Findings {
        private final Consumer<Damage> problems;
        private final List<Damage> damages = new ArrayList<>();
        private final List<String> notes = new ArrayList<>();
        private long files;
        private long bytes;

        /**
         * @param problems is told each damage
         */
        Findings(Consumer<Damage> problems) {
            this.problems = problems;
        }

        void read(long moreFiles, long moreBytes) {
            files += moreFiles;
            bytes += moreBytes;
        }

        void damage(Damage damage) {
            damages.add(damage);
            problems.accept(damage);
        }

        VerifyReport report() {
            return new VerifyReport(files, bytes, damages, notes);
        }
    }

    /** Checks what the state refers to, while the lock is held. */
    interface BatchCheck {
        void check(BatchFolder batches, Findings findings);
    }

    static VerifyReport verify(
            Disk disk, ManifestState state, BatchCheck batchCheck, Consumer<Damage> problems) {
        Findings findings = new Findings(problems);
        try {
            if (StoreLayout.look(disk) != StoreLayout.Found.STORE) {
                throw new StoreException.Absent(disk.describe(""));
            }
            DiskLock lock = lock(disk, /* shared= */ true);
            try {
                verifyLocked(disk, state, batchCheck, findings);
            } finally {
                lock.close();
            }
        } catch (StoreException.Damaged e) {
            findings.damage(e.damage());
        } catch (IOException e) {
            throw StoreException.of(disk, "", "verifying the store", e);
        }
        return findings.report();
    }

    private static void verifyLocked(
            Disk disk, ManifestState state, BatchCheck batchCheck, Findings findings)
            throws IOException {
        StoreFile store = StoreFile.read(disk);
        ManifestScan scan = ManifestScan.of(disk, store);
        findings.read(2, StoreFile.BYTES + scan.fileBytes());
        List<Damage> damages = new ArrayList<>(scan.damages());
        if (scan.note() != null) {
            findings.notes.add(scan.note());
        }
        if (damages.isEmpty()) {
            replay(disk, store, scan, state, damages);
        }
        damages.forEach(findings::damage);
        if (!damages.isEmpty()) {
            return;
        }
        batchCheck.check(new BatchFolder(disk, findings.notes::add), findings);
        String manifest = ManifestFormat.fileName(store.manifestNumber());
        for (StoreLayout.Stray stray :
                StoreLayout.strays(disk, manifest, state, StoreLayout.batchNames(disk, state))) {
            findings.notes.add(
                    disk.describe(stray.name())
                            + (stray.isOurs()
                                    ? ": left by unfinished work; the next opening deletes it"
                                    : ": no part of the store"));
        }
    }
}
