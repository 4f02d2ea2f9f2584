package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.spine.disk.SimulatedDisk;
import io.espalier.spine.trace.ManifestFormat.Header;
import io.espalier.spine.trace.StoreDirectory.Mode;
import io.espalier.spine.trace.StoreDirectory.Options;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** Bytes that change while nobody looks: in a closed store, and in one that crashed. */
class DamageTest {

    private static final Options OPTIONS = new Options(1 << 20, () -> new UUID(3, 4));
    private static final int[] FLIPS = {0x01, 0x80, 0xFF};

    private final SimulatedDisk disk = new SimulatedDisk(7);

    private StoreDirectory open(Ledger ledger) {
        return StoreDirectory.open(disk, Mode.OPEN_OR_CREATE, ledger, OPTIONS);
    }

    private void fill(StoreDirectory store) {
        for (int i = 0; i < 5; i++) {
            store.append(List.of(Ledger.add(i), Ledger.add(10 + i)));
        }
    }

    private void expectDamage(String name, String what) {
        byte[] before = disk.bytes(name);
        VerifyReport report = StoreDirectory.verify(disk, new Ledger());
        assertFalse(report.isWhole(), what);
        Damage damage = report.damages().getFirst();
        assertEquals(disk.describe(name), damage.path(), what);
        assertTrue(damage.offset() >= 0 && damage.offset() <= before.length, damage + " " + what);
        List<String> files = disk.files();
        assertThrows(StoreException.Damaged.class, () -> open(new Ledger()), what);
        assertEquals(files, disk.files(), "an opening that was refused changed the store");
        assertTrue(Arrays.equals(before, disk.bytes(name)));
    }

    @Test
    void everyFlippedByteOfAClosedStoreIsFoundAndNamed() {
        // fails if one byte of one file is not covered by a check
        try (StoreDirectory store = open(new Ledger())) {
            fill(store);
        }
        assertTrue(StoreDirectory.verify(disk, new Ledger()).isWhole());
        int checked = 0;
        for (String name : disk.files()) {
            byte[] good = disk.bytes(name);
            for (int at = 0; at < good.length; at++) {
                for (int flip : FLIPS) {
                    byte[] bad = good.clone();
                    bad[at] ^= (byte) flip;
                    disk.setBytes(name, bad);
                    expectDamage(name, name + " at " + at + " flipped by " + flip);
                    checked++;
                }
            }
            disk.setBytes(name, good);
        }
        assertTrue(checked > 1000);
    }

    @Test
    void everyMissingTailAndEveryAdditionToAClosedStoreIsFound() {
        // fails if a file may end early at a record's boundary, or go on after its end
        try (StoreDirectory store = open(new Ledger())) {
            fill(store);
        }
        for (String name : disk.files()) {
            byte[] good = disk.bytes(name);
            for (int length = 1; length < good.length; length++) {
                disk.setBytes(name, Arrays.copyOf(good, length));
                if (name.equals("STORE") && length < 8) {
                    // not even the first word is there: nobody can say that it was a store
                    assertThrows(
                            StoreException.NotAStore.class,
                            () -> StoreDirectory.verify(disk, new Ledger()));
                } else {
                    expectDamage(name, name + " cut to " + length);
                }
            }
            if (good.length > 0) {
                disk.setBytes(name, Arrays.copyOf(good, good.length + 1));
                expectDamage(name, name + " with a byte more");
                disk.setBytes(name, Arrays.copyOf(good, good.length + 64));
                expectDamage(name, name + " with 64 bytes more");
            }
            disk.setBytes(name, good);
        }
    }

    @Test
    void aMissingFileIsNamed() {
        // fails if a store without its manifest, or without its store file, is taken for a new one
        try (StoreDirectory store = open(new Ledger())) {
            fill(store);
        }
        open(new Ledger()).close();
        for (String name : List.copyOf(disk.files())) {
            if (name.equals("LOCK")) {
                continue;
            }
            byte[] good = disk.bytes(name);
            disk.lose(name);
            StoreException.Damaged e =
                    assertThrows(StoreException.Damaged.class, () -> open(new Ledger()));
            assertTrue(e.getMessage().startsWith(disk.describe(name)), e.getMessage());
            assertTrue(e.getMessage().contains("missing"), e.getMessage());
            disk.setBytes(name, good);
        }
        open(new Ledger()).close();
    }

    @Test
    void aFlippedByteInAnAcknowledgedCommitIsNeverTakenForATornTail() {
        // fails if rot in the last records of a crashed store silently undoes commits
        StoreDirectory store = open(new Ledger());
        fill(store);
        long markAt = store.manifestBytes() - ManifestFormat.RECORD_HEADER_BYTES;
        disk.killProcess();
        String name = ManifestFormat.fileName(1);
        byte[] good = disk.bytes(name);
        for (int at = 0; at < good.length; at++) {
            byte[] bad = good.clone();
            bad[at] ^= 0x10;
            disk.setBytes(name, bad);
            if (at < markAt) {
                expectDamage(name, "flipped at " + at);
            } else {
                VerifyReport report = StoreDirectory.verify(disk, new Ledger());
                assertTrue(report.isWhole());
                assertTrue(report.notes().getFirst().contains("offset " + markAt));
            }
        }
    }

    @Test
    void whateverACrashLeavesBehindTheLastSyncIsForgiven() {
        // fails if garbage in what was never synced keeps a store from opening
        StoreDirectory store = open(new Ledger());
        fill(store);
        disk.killProcess();
        String name = ManifestFormat.fileName(1);
        byte[] good = disk.bytes(name);
        java.util.Random random = new java.util.Random(5);
        for (int i = 0; i < 300; i++) {
            byte[] tail = new byte[random.nextInt(200)];
            if (i % 3 != 0) {
                random.nextBytes(tail);
            }
            byte[] bytes = Arrays.copyOf(good, good.length + tail.length);
            System.arraycopy(tail, 0, bytes, good.length, tail.length);
            disk.setBytes(name, bytes);
            Ledger ledger = new Ledger();
            VerifyReport report = StoreDirectory.verify(disk, ledger);
            assertTrue(report.isWhole(), report.toString());
            assertEquals(10, ledger.numbers.size());
            assertEquals(tail.length == 0 ? 0 : 1, report.notes().size());
        }
    }

    @Test
    void inAGroupThatWasNeverSyncedALaterRecordMayArriveBeforeAnEarlierOne() {
        // fails if a good record behind a torn one is always taken as a proof of damage
        StoreDirectory store = open(new Ledger());
        fill(store);
        String name = ManifestFormat.fileName(1);
        int before = disk.bytes(name).length;
        disk.failAt(disk.steps() + 1, SimulatedDisk.Fault.SYNC_FAILS);
        assertThrows(
                StoreException.Stopped.class,
                () -> store.append(List.of(Ledger.add(100), Ledger.add(101))));
        byte[] bytes = disk.bytes(name);
        bytes[before + 40] ^= 1;
        disk.setBytes(name, bytes);
        disk.killProcess();
        Ledger ledger = new Ledger();
        try (StoreDirectory again = open(ledger)) {
            assertEquals(10, ledger.numbers.size());
            assertEquals(1, again.notes().size());
        }
    }

    @Test
    void aRecordOfAnotherManifestIsNoRecord() {
        // fails if what a recycled disk block holds of an old manifest can vouch for, or change, a
        // new one
        UUID store = new UUID(1, 2);
        Header mine = new Header(store, 7, 3, 1);
        List<Header> others =
                List.of(
                        new Header(new UUID(1, 3), 7, 3, 1),
                        new Header(store, 6, 3, 1),
                        new Header(store, 7, 2, 1));
        ByteBuffer bytes = ByteBuffer.allocate(200).order(ByteOrder.LITTLE_ENDIAN);
        ManifestFormat.encode(mine, ManifestFormat.KIND_CHANGE, 1, 0, new byte[9], bytes);
        assertEquals(48, bytes.position());
        assertTrue(ManifestFormat.hasRecordHeader(mine, bytes, 0));
        assertTrue(
                ManifestFormat.payloadIsWhole(mine, bytes, ManifestFormat.recordHeader(bytes, 0)));
        for (Header other : others) {
            assertFalse(ManifestFormat.hasRecordHeader(other, bytes, 0));
            assertFalse(
                    ManifestFormat.payloadIsWhole(
                            other, bytes, ManifestFormat.recordHeader(bytes, 0)));
        }
    }
}
