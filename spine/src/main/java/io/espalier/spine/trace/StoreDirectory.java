package io.espalier.spine.trace;

import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;
import io.espalier.spine.disk.Disk;
import io.espalier.spine.disk.DiskFile;
import io.espalier.spine.disk.DiskLock;
import io.espalier.spine.disk.DiskSyncException;
import io.espalier.spine.trace.ManifestFormat.Header;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.NoSuchFileException;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The folder of a store, opened: its lock, its manifest and its batch files.
 *
 * <pre>
 * STORE                   which store, which manifest counts; replaced as a whole
 * LOCK                    locked while open; names the owner then, empty otherwise
 * manifest-00000007.log   a snapshot of the state, then the changes since
 * batches/0000000042.batch
 * </pre>
 *
 * <p>Its one commit point is {@link #append}: what it returns from survives; what it throws from, with
 * any exception but {@link StoreException.Stopped}, never happened. The state that the manifest keeps
 * is the caller's {@link ManifestState}, which is changed here only, always by durable bytes.
 *
 * <p>At most one process has a store open for writing; any number may have it open for reading while
 * no one writes. An opening for writing takes a new fencing term and starts a manifest of its own. A
 * writer whose lock was taken away (a deleted lock file, a network file system that forgot) finds the
 * newer term before it acknowledges a commit, and stops.
 *
 * <p>Thread-safe: one append at a time, the rest is independent.
 */
public final class StoreDirectory implements AutoCloseable {

    /** How to open. */
    public enum Mode {
        /** Open a store that is there. */
        OPEN,
        /** Open the store, or create one where there is nothing. */
        OPEN_OR_CREATE,
        /** Create one where there is nothing. */
        CREATE,
        /**
         * Open a store that is there, changing no byte of it; no permission to write is needed. It
         * shares the lock with other readers; a writer keeps it out, and it a writer.
         */
        READ_ONLY
    }

    /**
     * How to behave.
     *
     * @param rolloverBytesMin how large a manifest grows at least before a new one is started
     * @param ids where the ids of new stores come from
     */
    public record Options(long rolloverBytesMin, Supplier<UUID> ids) {

        /** The default: 1 MiB. */
        public static final long ROLLOVER_BYTES_MIN_DEFAULT = 1 << 20;

        /** The defaults; ids are random. */
        public static Options defaults() {
            return new Options(ROLLOVER_BYTES_MIN_DEFAULT, UUID::randomUUID);
        }
    }

    /**
     * A manifest is also kept until it has this many times its snapshot's size: then what the
     * snapshots cost stays below a third of what the changes do.
     */
    private static final int ROLLOVER_FACTOR = 4;

    private static final int NOTES_MAX = 100;

    private final Disk disk;
    private final ManifestState state;
    private final Options options;
    private final DiskLock lock;
    private final boolean readOnly;
    private final List<String> notes = new CopyOnWriteArrayList<>();

    // guarded by this
    private StoreFile store;
    private @Nullable ManifestWriter writer;
    private long rolloverBytes;
    private long nextFileId;
    private boolean batchFolderDirty;
    private int sweptFiles;
    private boolean closed;

    private volatile StoreException.@Nullable Stopped stopped;

    private StoreDirectory(
            Disk disk,
            ManifestState state,
            Options options,
            DiskLock lock,
            StoreFile store,
            boolean readOnly) {
        this.disk = disk;
        this.state = state;
        this.options = options;
        this.lock = lock;
        this.store = store;
        this.readOnly = readOnly;
    }

    /** Opens with the default options. */
    public static StoreDirectory open(Disk disk, Mode mode, ManifestState state) {
        return open(disk, mode, state, Options.defaults());
    }

    /**
     * Opens or creates a store, and brings {@code state} to what its manifest says.
     *
     * @param state in a new store, it is taken as it is
     * @throws StoreException if that is not possible; nothing is open then, and a damaged store is
     *     unchanged
     */
    public static StoreDirectory open(
            Disk disk, Mode mode, ManifestState state, Options options) {
        try {
            StoreLayout.Found found = StoreLayout.look(disk);
            if (found != StoreLayout.Found.STORE) {
                if (mode == Mode.OPEN || mode == Mode.READ_ONLY) {
                    throw new StoreException.Absent(disk.describe(""));
                }
                disk.createFolder("");
            }
        } catch (IOException e) {
            throw StoreException.of(disk, "", "looking for the store", e);
        }
        DiskLock lock = StoreCheck.lock(disk, mode == Mode.READ_ONLY);
        boolean done = false;
        try {
            // under the lock, nobody else is creating or replacing anything
            StoreDirectory directory =
                    StoreLayout.look(disk) == StoreLayout.Found.STORE
                            ? openExisting(disk, mode, state, options, lock)
                            : create(disk, mode, state, options, lock);
            done = true;
            return directory;
        } catch (IOException e) {
            throw StoreException.of(disk, "", "opening the store", e);
        } finally {
            if (!done) {
                closeQuietly(lock);
            }
        }
    }

    private static StoreDirectory create(
            Disk disk, Mode mode, ManifestState state, Options options, DiskLock lock)
            throws IOException {
        if (mode == Mode.OPEN || mode == Mode.READ_ONLY) {
            throw new StoreException.Absent(disk.describe(""));
        }
        Header header = new Header(options.ids().get(), 1, 1, 1);
        disk.delete(ManifestFormat.fileName(header.number()));
        disk.createFolder(Names.BATCH_FOLDER);
        // the store file before there is one; it says that the manifest has no bytes to rely on
        StoreFile none = new StoreFile(header.storeId(), header.term(), 0, 0, false);
        StoreDirectory directory =
                new StoreDirectory(disk, state, options, lock, none, /* readOnly= */ false);
        directory.nextFileId = state.nextFileId();
        directory.startManifest(header);
        return directory;
    }

    private static StoreDirectory openExisting(
            Disk disk, Mode mode, ManifestState state, Options options, DiskLock lock)
            throws IOException {
        if (mode == Mode.CREATE) {
            throw new StoreException.NotAStore(
                    disk.describe(""), "there is a store here already; open it, or give a new folder");
        }
        boolean readOnly = mode == Mode.READ_ONLY;
        StoreFile store = StoreFile.read(disk);
        ManifestScan scan = StoreCheck.replay(disk, store, state);
        StoreDirectory directory =
                new StoreDirectory(disk, state, options, lock, store, readOnly);
        if (!readOnly) {
            scan = directory.fence(scan);
            directory.sweep(/* stateIsDurable= */ false);
            disk.createFolder(Names.BATCH_FOLDER);
            directory.nextFileId = state.nextFileId();
            directory.startManifest(
                    new Header(
                            store.storeId(),
                            store.manifestNumber() + 1,
                            directory.store.term(),
                            scan.nextSequence()));
            directory.sweep(/* stateIsDurable= */ true);
        }
        if (scan.note() != null) {
            directory.note(scan.note());
        }
        return directory;
    }

    /**
     * Takes the next term. A writer of the old term that still lives acknowledges nothing after this;
     * what it acknowledged before is read again here.
     */
    private ManifestScan fence(ManifestScan scan) throws IOException {
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
        try (DiskFile file = disk.open(ManifestFormat.fileName(store.manifestNumber()))) {
            fileBytes = file.sizeBytes();
        }
        return fileBytes == scan.fileBytes() ? scan : StoreCheck.replay(disk, store, state);
    }

    /**
     * Deletes what a crash left. Before the state that was read is durable anew, only what no state
     * refers to, neither this one nor one before it: the last records may be seen now and yet be lost
     * with the next loss of power, and then what they dropped is needed again.
     */
    private void sweep(boolean stateIsDurable) throws IOException {
        String manifest = ManifestFormat.fileName(store.manifestNumber());
        for (StoreLayout.Stray stray : StoreLayout.strays(disk, manifest, state)) {
            if (stray.isOurs() && (stateIsDurable || stray.fileId() >= state.nextFileId())) {
                deleteQuietly(stray.name());
                sweptFiles++;
            }
        }
        if (stateIsDurable && sweptFiles > 0) {
            note(disk.describe("") + ": " + sweptFiles + " files of unfinished work were deleted");
        }
    }

    /** Writes a manifest with the present state, lets it count, and drops the one before. */
    private void startManifest(Header header) throws IOException {
        ManifestWriter next = ManifestWriter.create(disk, header, state.snapshot());
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
            named.replace(disk);
            store = named;
            done = true;
        } catch (DiskSyncException e) {
            // which of the two counts is unknown: leave both
            done = true;
            closeQuietly(next);
            throw e;
        } finally {
            if (!done) {
                closeQuietly(next);
                deleteQuietly(next.name());
            }
        }
        ManifestWriter last = writer;
        writer = next;
        rolloverBytes =
                Math.max(options.rolloverBytesMin(), ROLLOVER_FACTOR * next.sizeBytes());
        if (last != null) {
            closeQuietly(last);
        }
        if (header.number() > 1) {
            deleteQuietly(ManifestFormat.fileName(header.number() - 1));
        }
    }

    /** The store's id, the same for its whole life. */
    public synchronized UUID storeId() {
        return store.storeId();
    }

    /** The fencing term of this opening; of a read-only one, that of the last writer. */
    public synchronized long term() {
        return store.term();
    }

    /** Whether nothing can be written. */
    public boolean isReadOnly() {
        return readOnly;
    }

    /** What was noteworthy at opening and since, a line each: torn tails dropped, files deleted. */
    public List<String> notes() {
        return List.copyOf(notes);
    }

    /** The disk that the store is on. */
    public Disk disk() {
        return disk;
    }

    /** How many bytes the manifest has. */
    public synchronized long manifestBytes() {
        return writer == null ? store.manifestBytes() : writer.sizeBytes();
    }

    /**
     * Commits changes: makes them durable together with one sync, and then applies them to the state,
     * in order. Batch files that they name must be {@linkplain NewBatchFile#finish finished}.
     *
     * <p>After a crash before it returns, a first part of the changes may have become durable; each
     * single change is there as a whole or not at all.
     *
     * @throws StoreException.Full if there is no room; nothing changed
     * @throws StoreException.Stopped if the outcome is unknown. The store takes no more writes; what
     *     happened is known after reopening it.
     * @throws StoreException if the disk refused otherwise; nothing changed
     */
    public synchronized void append(List<byte[]> changes) {
        ManifestWriter current = checkWritable();
        if (changes.isEmpty()) {
            return;
        }
        try {
            if (current.sizeBytes() >= rolloverBytes) {
                current = rollOver(current);
            }
            if (batchFolderDirty) {
                disk.syncFolder(Names.BATCH_FOLDER);
                batchFolderDirty = false;
            }
            current.append(changes);
        } catch (IOException e) {
            throw failed(current.name(), "writing a commit", e);
        }
        checkFence();
        applyAll(changes);
        try {
            current.mark();
        } catch (IOException e) {
            // this commit is durable; the next one will be refused
            stop(StoreException.of(disk, current.name(), "marking a commit", e));
        }
    }

    private void applyAll(List<byte[]> changes) {
        for (byte[] change : changes) {
            try {
                state.apply(ByteBuffer.wrap(change).order(ByteOrder.LITTLE_ENDIAN));
            } catch (ManifestState.MalformedException | RuntimeException e) {
                throw stop(
                        new StoreException.Stopped(
                                disk.describe(""),
                                "a commit was written that cannot be applied: " + e.getMessage(),
                                e));
            }
        }
    }

    /** Starts a new manifest; if there is no room for it, the old one goes on. */
    private ManifestWriter rollOver(ManifestWriter current) throws IOException {
        try {
            startManifest(
                    new Header(
                            store.storeId(),
                            store.manifestNumber() + 1,
                            store.term(),
                            current.nextSequence()));
        } catch (DiskSyncException e) {
            throw e;
        } catch (IOException e) {
            rolloverBytes = 2 * current.sizeBytes();
            note(disk.describe(current.name()) + ": cannot be rolled over yet: " + e.getMessage());
        }
        return writer == null ? current : writer;
    }

    /** Whether this opening is still the latest. Between the sync and the acknowledgement. */
    private void checkFence() {
        String problem;
        try {
            StoreFile found = StoreFile.read(disk);
            if (found.equals(store)) {
                return;
            }
            problem = "opening " + found.term() + " of the store has taken over from this one, "
                    + store.term();
        } catch (IOException | StoreException e) {
            problem = "the file cannot be read any more: " + e.getMessage();
        }
        throw stop(
                new StoreException.Stopped(
                        disk.describe(StoreFile.NAME), problem + "; the last commit is not acknowledged",
                        null));
    }

    private ManifestWriter checkWritable() {
        StoreException.Stopped why = stopped;
        if (why != null) {
            throw new StoreException.Stopped(
                    why.path(), "the store has stopped; open it again", why);
        }
        if (closed) {
            throw new IllegalStateException("store " + disk.describe("") + " is closed");
        }
        if (writer == null) {
            throw new StoreException.NotPermitted(
                    disk.describe(""), "the store is open for reading only", null);
        }
        return writer;
    }

    private StoreException failed(String name, String doing, IOException e) {
        return stop(StoreException.of(disk, name, doing, e));
    }

    /** Remembers it if it ends the store. */
    private StoreException stop(StoreException e) {
        if (e instanceof StoreException.Stopped s && stopped == null) {
            stopped = s;
        }
        return e;
    }

    /**
     * Begins a new batch file.
     *
     * @throws StoreException if the disk refuses
     */
    public synchronized NewBatchFile createBatchFile() {
        checkWritable();
        while (true) {
            long id = nextFileId++;
            try {
                DiskFile file = disk.create(Names.batch(id));
                batchFolderDirty = true;
                return new NewBatchFile(this, id, file);
            } catch (FileAlreadyExistsException e) {
                // a writer of an older term made it: leave it to the next sweep, take the next id
            } catch (IOException e) {
                throw failed(Names.batch(id), "creating a batch file", e);
            }
        }
    }

    /** What a failure means while a batch file is written. */
    StoreException batchFailed(long id, String doing, IOException e) {
        return failed(Names.batch(id), doing, e);
    }

    /**
     * Opens a batch file for reading; the caller closes it.
     *
     * @throws StoreException.Damaged if it is missing
     */
    public DiskFile openBatchFile(long id) {
        try {
            return disk.open(Names.batch(id));
        } catch (NoSuchFileException e) {
            throw missing(id);
        } catch (IOException e) {
            throw StoreException.of(disk, Names.batch(id), "opening a batch file", e);
        }
    }

    /**
     * Maps the first {@code sizeBytes} bytes of a batch file; the caller closes the lease.
     *
     * @throws StoreException.Damaged if it is missing or shorter than that
     */
    public Lease mapBatchFile(NativeMemory memory, long id, long sizeBytes) {
        try {
            return disk.map(memory, Names.batch(id), 0, sizeBytes);
        } catch (NoSuchFileException e) {
            throw missing(id);
        } catch (EOFException e) {
            throw new StoreException.Damaged(
                    new Damage(disk.describe(Names.batch(id)), -1, "bytes are missing: " + e.getMessage()));
        } catch (IOException e) {
            throw StoreException.of(disk, Names.batch(id), "mapping a batch file", e);
        }
    }

    private StoreException missing(long id) {
        return new StoreException.Damaged(
                new Damage(disk.describe(Names.batch(id)), -1, "the file is missing; its updates are lost"));
    }

    /**
     * Deletes a batch file that the state no longer refers to and no reader holds. If it fails, the
     * next opening does it.
     */
    public void deleteBatchFile(long id) {
        if (!readOnly && stopped == null) {
            deleteQuietly(Names.batch(id));
        }
    }

    /**
     * Checks the store file, the manifest and which files there are. It reads only, and keeps writers
     * out meanwhile.
     *
     * @param state brought to what the manifest says, unless that is damaged
     * @throws StoreException if there is no store to check, or it cannot be read
     */
    public static VerifyReport verify(Disk disk, ManifestState state) {
        return StoreCheck.verify(disk, state);
    }

    private void note(String line) {
        if (notes.size() < NOTES_MAX) {
            notes.add(line);
        }
    }

    private void deleteQuietly(String name) {
        try {
            disk.delete(name);
        } catch (IOException e) {
            // what is not referenced is swept at the next opening
            note(disk.describe(name) + " cannot be deleted: " + e.getMessage());
        }
    }

    private static void closeQuietly(AutoCloseable resource) {
        try {
            resource.close();
        } catch (Exception e) {
            // nothing depends on it: what matters was synced, or has failed already
        }
    }

    /**
     * Marks the store as closed and lets the lock go. If the disk is full the mark is left out, and the
     * next opening treats the store as it does after a crash: nothing is lost.
     *
     * @throws StoreException.Stopped if the closing mark could not be synced
     */
    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        StoreException problem = null;
        ManifestWriter current = writer;
        if (current != null) {
            if (stopped == null) {
                try {
                    checkFence();
                    current.sync();
                    new StoreFile(
                                    store.storeId(),
                                    store.term(),
                                    store.manifestNumber(),
                                    current.sizeBytes(),
                                    true)
                            .replace(disk);
                } catch (StoreException e) {
                    problem = e;
                } catch (IOException e) {
                    problem = failed(StoreFile.NAME, "closing the store", e);
                }
            }
            closeQuietly(current);
        }
        closeQuietly(lock);
        if (problem instanceof StoreException.Stopped) {
            throw problem;
        }
    }
}
