package io.espalier.spine.trace;

import io.espalier.spine.disk.Disk;
import io.espalier.spine.disk.DiskFile;
import io.espalier.spine.trace.ManifestFormat.Header;
import io.espalier.spine.trace.ManifestFormat.RecordHeader;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads a manifest and judges it: whole, torn at its end by a crash, or damaged.
 *
 * <p>Telling the last two apart is the point. A crash may leave anything in what was never synced,
 * and that must be forgiven: it was never acknowledged. What was synced must be there, and that it
 * is not must never be taken for a torn tail: that would silently undo commits. So the question
 * about a bad place is not whether something follows it (in a group that was being written when the
 * power failed, the second record may have reached the disk and the first not) but whether it had
 * ever been synced. That is what is known about it:
 *
 * <ul>
 *   <li>{@code STORE} says how many bytes were synced when the manifest began to count, and for a
 *       closed store how many there are in all;
 *   <li>every record says how many bytes had been synced when it was written; and right after each
 *       sync a record is written for that purpose alone, the mark, so that a commit is vouched for
 *       even if none follows.
 * </ul>
 *
 * <p>A bad place before the largest of these is damage, one after it a torn tail. All records that
 * can be found count for this, those behind a bad place too. What remains undecided is a commit
 * whose mark was lost too: by a loss of power soon after it, and damage to its own bytes besides.
 *
 * <p>The idea that a log must be able to tell a torn write from rot is that of protocol-aware
 * recovery (Alagappan et al., FAST 2018).
 */
final class ManifestScan {

    /** A record to be replayed; the payload is little-endian and read only. */
    record Entry(int kind, long offset, ByteBuffer payload) {}

    private final Disk disk;
    private final String name;
    private final StoreFile store;
    private final List<Entry> entries = new ArrayList<>();
    private final List<Damage> damages = new ArrayList<>();
    private final List<Damage> badPlaces = new ArrayList<>();
    private @Nullable String note;
    private ByteBuffer bytes = ByteBuffer.allocate(0);
    private long syncedBytes;
    private long nextSequence;

    private ManifestScan(Disk disk, StoreFile store) {
        this.disk = disk;
        this.name = ManifestFormat.fileName(store.manifestNumber());
        this.store = store;
        this.syncedBytes = store.manifestBytes();
    }

    /**
     * Reads the manifest that {@code store} names.
     *
     * @throws IOException if it cannot be read; that it is absent is a damage
     */
    static ManifestScan of(Disk disk, StoreFile store) throws IOException {
        ManifestScan scan = new ManifestScan(disk, store);
        scan.run();
        return scan;
    }

    /** The snapshot and the changes after it, in order. Only meaningful if nothing is damaged. */
    List<Entry> entries() {
        return entries;
    }

    /** What is damaged, in order of offset; usually nothing. */
    List<Damage> damages() {
        return damages;
    }

    /** A line about a torn tail, if there is one. */
    @Nullable String note() {
        return note;
    }

    /** The sequence number after that of the last good record. */
    long nextSequence() {
        return nextSequence;
    }

    /** How many bytes the file has, torn tail included. */
    long fileBytes() {
        return bytes.limit();
    }

    private void run() throws IOException {
        try {
            bytes = readAll();
        } catch (NoSuchFileException e) {
            damages.add(
                    new Damage(
                            disk.describe(name),
                            -1,
                            "the file is missing; the store's state is lost"));
            return;
        }
        Header found;
        try {
            found = Header.decode(bytes);
        } catch (ManifestState.MalformedException e) {
            damages.add(damage(0, String.valueOf(e.getMessage())));
            return;
        }
        // the file's own term may be older than the store's: an opening that was cut short
        if (!found.storeId().equals(store.storeId())
                || found.number() != store.manifestNumber()
                || found.term() > store.term()) {
            damages.add(
                    damage(
                            0,
                            "the file is manifest "
                                    + found.number()
                                    + " of store "
                                    + found.storeId()
                                    + ", term "
                                    + found.term()
                                    + ", expected manifest "
                                    + store.manifestNumber()
                                    + " of store "
                                    + store.storeId()));
            return;
        }
        readRecords(found);
        judge();
    }

    private ByteBuffer readAll() throws IOException {
        try (DiskFile file = disk.open(name)) {
            long sizeBytes = file.sizeBytes();
            if (sizeBytes > Integer.MAX_VALUE - 8) {
                throw new IOException(
                        "the file has " + sizeBytes + " bytes, expected less than 2 GiB");
            }
            ByteBuffer all = ByteBuffer.allocate((int) sizeBytes).order(ByteOrder.LITTLE_ENDIAN);
            file.read(0, all);
            return all.flip();
        }
    }

    /** Reads all good records, those behind bad places too, and notes every bad place. */
    private void readRecords(Header header) {
        nextSequence = header.firstSequence();
        int offset = ManifestFormat.HEADER_BYTES;
        while (offset < bytes.limit()) {
            if (!ManifestFormat.hasRecordHeader(header, bytes, offset)) {
                int next = nextRecord(header, offset);
                badPlaces.add(damage(offset, "no whole record begins here"));
                offset = next;
                continue;
            }
            RecordHeader record = ManifestFormat.recordHeader(bytes, offset);
            // a true header vouches for what was synced even if its own payload is not whole
            syncedBytes = Math.max(syncedBytes, record.syncedBytes());
            if (!ManifestFormat.payloadIsWhole(header, bytes, record)) {
                badPlaces.add(
                        damage(
                                offset,
                                "record "
                                        + record.sequence()
                                        + " of "
                                        + record.payloadBytes()
                                        + " bytes is not as it was written"));
                offset = (int) Math.min(bytes.limit(), record.end());
                continue;
            }
            boolean first = offset == ManifestFormat.HEADER_BYTES;
            if (badPlaces.isEmpty() && record.sequence() != nextSequence) {
                badPlaces.add(
                        damage(
                                offset,
                                "record "
                                        + record.sequence()
                                        + " found, expected "
                                        + nextSequence));
            } else if (first != (record.kind() == ManifestFormat.KIND_SNAPSHOT)) {
                badPlaces.add(
                        damage(
                                offset,
                                first
                                        ? "the first record is not a snapshot"
                                        : "a snapshot stands behind the first record"));
            }
            if (badPlaces.isEmpty()) {
                nextSequence = record.sequence() + 1;
                if (record.kind() != ManifestFormat.KIND_MARK) {
                    entries.add(
                            new Entry(
                                    record.kind(),
                                    offset,
                                    bytes.slice(record.payloadOffset(), record.payloadBytes())
                                            .asReadOnlyBuffer()
                                            .order(ByteOrder.LITTLE_ENDIAN)));
                }
            }
            offset = (int) record.end();
        }
    }

    /** Where the next good record begins, or the end of the file. */
    private int nextRecord(Header header, int after) {
        // records begin at multiples of 8 from the header on
        int offset = after + ManifestFormat.ALIGNMENT_BYTES;
        while (offset < bytes.limit() && !ManifestFormat.hasRecordHeader(header, bytes, offset)) {
            offset += ManifestFormat.ALIGNMENT_BYTES;
        }
        return Math.min(offset, bytes.limit());
    }

    private void judge() {
        for (Damage bad : badPlaces) {
            if (bad.offset() < syncedBytes) {
                damages.add(bad);
            }
        }
        if (store.closed() && bytes.limit() > store.manifestBytes()) {
            damages.add(
                    damage(
                            store.manifestBytes(),
                            "the file has "
                                    + bytes.limit()
                                    + " bytes, expected "
                                    + store.manifestBytes()));
        } else if (bytes.limit() < syncedBytes) {
            damages.add(
                    damage(
                            bytes.limit(),
                            "the file has "
                                    + bytes.limit()
                                    + " bytes, expected "
                                    + syncedBytes
                                    + (store.closed() ? "" : " or more")));
        }
        if (damages.isEmpty() && entries.isEmpty()) {
            damages.add(damage(ManifestFormat.HEADER_BYTES, "the snapshot is missing"));
        }
        if (damages.isEmpty() && !badPlaces.isEmpty()) {
            long from = badPlaces.getFirst().offset();
            note =
                    disk.describe(name)
                            + ": the "
                            + (bytes.limit() - from)
                            + " bytes from offset "
                            + from
                            + " on were being written at a crash, were never acknowledged, and are dropped";
        }
    }

    private Damage damage(long offset, String what) {
        return new Damage(disk.describe(name), offset, what);
    }
}
