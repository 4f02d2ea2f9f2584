package io.espalier.spine.trace;

import io.espalier.spine.disk.Disk;
import io.espalier.spine.disk.DiskFile;
import io.espalier.spine.disk.DiskSyncException;
import io.espalier.spine.trace.ManifestFormat.Header;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.util.List;
import java.util.UUID;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The manifest of an open store across its files, and the {@code STORE} file that says which of
 * them counts: read, taken over from the last writer, started anew, appended to, closed.
 *
 * <p>Not thread-safe; the directory guards it.
 */
final class ManifestLog {

    /**
     * A manifest is also kept until it has this many times its snapshot's size: then what the
     * snapshots cost stays below a third of what the changes do.
     */
    private static final int ROLLOVER_FACTOR = 4;

    /** So many files in the way of a new manifest are passed over. */
    private static final int STRAYS_MAX = 1000;

    private final Disk disk;
    private final ManifestState state;
    private final long rolloverBytesMin;
    private final Consumer<String> notes;

    private StoreFile store;
    private long nextSequence;
    private long readBytes;
    private @Nullable String tornTail;
    private @Nullable ManifestWriter writer;
    private long rolloverBytes;

    private ManifestLog(
            Disk disk,
            ManifestState state,
            long rolloverBytesMin,
            Consumer<String> notes,
            StoreFile store) {
        this.disk = disk;
        this.state = state;
        this.rolloverBytesMin = rolloverBytesMin;
        this.notes = notes;
        this.store = store;
    }

    /** The log of a new store, not yet {@linkplain #start started}; nothing is written. */
    static ManifestLog ofNewStore(
            Disk disk,
            ManifestState state,
            long rolloverBytesMin,
            Consumer<String> notes,
            UUID storeId) {
        // the store file before there is one; it says that there is no manifest to rely on
        StoreFile none = new StoreFile(storeId, 1, 0, 0, false);
        ManifestLog log = new ManifestLog(disk, state, rolloverBytesMin, notes, none);
        log.nextSequence = 1;
        return log;
    }

    /** Brings {@code state} to what the manifest says; nothing is written. */
    static ManifestLog read(
            Disk disk, ManifestState state, long rolloverBytesMin, Consumer<String> notes)
            throws IOException {
        StoreFile store = StoreFile.read(disk);
        ManifestLog log = new ManifestLog(disk, state, rolloverBytesMin, notes, store);
        log.replay();
        return log;
    }

    private void replay() throws IOException {
        ManifestScan scan = StoreCheck.replay(disk, store, state);
        nextSequence = scan.nextSequence();
        readBytes = scan.fileBytes();
        tornTail = scan.note();
    }

    StoreFile store() {
        return store;
    }

    /** A line about a torn tail that was dropped, if there was one. */
    @Nullable String tornTail() {
        return tornTail;
    }

    /** The name of the manifest that counts. */
    String fileName() {
        return ManifestFormat.fileName(store.manifestNumber());
    }

    /** How many bytes it has. */
    long sizeBytes() {
        return writer == null ? store.manifestBytes() : writer.sizeBytes();
    }

    /** Whether it was started by this opening, so that it can be appended to. */
    boolean isWritable() {
        return writer != null;
    }

    /**
     * Takes the next term. A writer of the old term that still lives acknowledges nothing after
     * this; what it acknowledged before is read again here.
     */
    void takeOver() throws IOException {
        StoreFile mine =
                new StoreFile(
                        store.storeId(),
                        store.term() + 1,
                        store.manifestNumber(),
                        store.manifestBytes(),
                        false);
        mine.replace(disk);
        store = mine;
        long fileBytes;
        try (DiskFile file = disk.open(fileName())) {
            fileBytes = file.sizeBytes();
        }
        if (fileBytes != readBytes) {
            replay();
        }
    }

    /** Writes a new manifest with the present state, lets it count, and drops the one before. */
    void start() throws IOException {
        long lastNumber = store.manifestNumber();
        ManifestWriter next = create(state.snapshot(), lastNumber + 1);
        Header header = next.header();
        boolean done = false;
        try {
            disk.syncFolder("");
            StoreFile named =
                    new StoreFile(
                            header.storeId(),
                            header.term(),
                            header.number(),
                            next.syncedBytes(),
                            false);
            if (writer != null) {
                checkFence();
            }
            named.replace(disk);
            store = named;
            done = true;
        } catch (DiskSyncException e) {
            // which of the two counts is unknown: leave both
            done = true;
            next.closeQuietly();
            throw e;
        } finally {
            if (!done) {
                next.closeQuietly();
                deleteQuietly(next.name());
            }
        }
        ManifestWriter last = writer;
        writer = next;
        rolloverBytes = Math.max(rolloverBytesMin, ROLLOVER_FACTOR * next.sizeBytes());
        if (last != null) {
            last.closeQuietly();
        }
        if (lastNumber > 0) {
            deleteQuietly(ManifestFormat.fileName(lastNumber));
        }
    }

    /**
     * Of that number, or the next one that is free: there may be what a crash or a failure left and
     * what could not be deleted.
     */
    private ManifestWriter create(byte[] snapshot, long firstNumber) throws IOException {
        long number = firstNumber;
        for (int strays = 0; ; strays++) {
            try {
                return ManifestWriter.create(
                        disk,
                        new Header(store.storeId(), number, store.term(), nextSequence),
                        snapshot);
            } catch (FileAlreadyExistsException e) {
                if (strays == STRAYS_MAX) {
                    throw e;
                }
                if (firstNumber == 1) {
                    // a new store has this one or none; why it is still there is worth telling
                    disk.delete(ManifestFormat.fileName(number));
                } else {
                    number++;
                }
            }
        }
    }

    /**
     * Makes changes durable, starting a new manifest first if this one has grown enough.
     *
     * @throws StoreException.Stopped if another opening has taken over
     * @throws DiskSyncException if it is unknown whether they are durable
     * @throws IOException if none of them is
     */
    void append(List<byte[]> changes) throws IOException {
        ManifestWriter current = writer();
        if (current.sizeBytes() >= rolloverBytes) {
            rollOver(current);
            current = writer();
        }
        current.append(changes);
        nextSequence = current.nextSequence();
        // between the sync and the acknowledgement: whoever takes over after this sees these
        // changes
        checkFence();
    }

    /** Vouches for what was appended; see {@link ManifestWriter#mark}. */
    void mark() throws IOException {
        ManifestWriter current = writer();
        current.mark();
        nextSequence = current.nextSequence();
    }

    /** If there is no room for a new manifest, the old one goes on. */
    private void rollOver(ManifestWriter current) throws IOException {
        try {
            start();
        } catch (DiskSyncException e) {
            throw e;
        } catch (IOException e) {
            rolloverBytes = 2 * current.sizeBytes();
            notes.accept(
                    disk.describe(current.name())
                            + ": cannot be rolled over yet: "
                            + e.getMessage());
        }
    }

    /** Whether this opening is still the latest. */
    private void checkFence() {
        String problem;
        try {
            StoreFile found = StoreFile.read(disk);
            if (found.equals(store)) {
                return;
            }
            problem =
                    "opening "
                            + found.term()
                            + " of the store has taken over from this one, "
                            + store.term();
        } catch (IOException | StoreException e) {
            problem = "the file cannot be read any more: " + e.getMessage();
        }
        throw new StoreException.Stopped(
                disk.describe(StoreFile.NAME),
                problem + "; the last commit is not acknowledged",
                null);
    }

    private ManifestWriter writer() {
        ManifestWriter current = writer;
        if (current == null) {
            throw new IllegalStateException("the manifest was not started");
        }
        return current;
    }

    /** Says in {@code STORE} that the store was closed in order, and how many bytes there are. */
    void markClosed() throws IOException {
        ManifestWriter current = writer();
        checkFence();
        current.sync();
        new StoreFile(
                        store.storeId(),
                        store.term(),
                        store.manifestNumber(),
                        current.sizeBytes(),
                        true)
                .replace(disk);
    }

    /** Closes the file; what matters was synced. */
    void closeQuietly() {
        if (writer != null) {
            writer.closeQuietly();
        }
    }

    private void deleteQuietly(String name) {
        try {
            disk.delete(name);
        } catch (IOException e) {
            // what is not referenced is swept at the next opening
            notes.accept(disk.describe(name) + " cannot be deleted: " + e.getMessage());
        }
    }
}
