package io.espalier.spine.trace;

import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;
import io.espalier.spine.disk.Disk;
import io.espalier.spine.disk.DiskFile;
import io.espalier.spine.disk.DiskLock;
import io.espalier.spine.disk.DiskSyncException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.FileAlreadyExistsException;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
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
 * <p>Its one commit point is {@link #append}: what it returns from survives; what it throws from,
 * with any exception but {@link StoreException.Stopped}, never happened. The state that the
 * manifest keeps is the caller's {@link ManifestState}, which is changed here only, always by
 * durable bytes.
 *
 * <p>At most one process has a store open for writing; any number may have it open for reading
 * while no one writes. An opening for writing takes a new fencing term and starts a manifest of its
 * own. A writer whose lock was taken away (a deleted lock file, a network file system that forgot)
 * finds the newer term before it acknowledges a commit, and stops.
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

    private static final int NOTES_MAX = 100;

    /** No store comes to ids like this; a name that says so was made by somebody else. */
    private static final long FOREIGN_ID_MIN = 1L << 48;

    private final Disk disk;
    private final ManifestState state;
    private final DiskLock lock;
    private final boolean readOnly;
    private final List<String> notes = new CopyOnWriteArrayList<>();
    private final BatchFolder batches;

    /** Never waits for a commit. */
    private final AtomicLong nextFileId = new AtomicLong();

    /** How often a name came into the batch folder, and how many of them are durable. */
    private final AtomicLong namesMade = new AtomicLong();

    private final Object namesLock = new Object();

    // guarded by namesLock
    private long namesSynced;
    private @Nullable DiskSyncException namesFailure;

    // guarded by this
    private final ManifestLog log;
    private int sweptFiles;

    private volatile boolean closed;

    private volatile StoreException.@Nullable Stopped stopped;

    private StoreDirectory(
            Disk disk, ManifestState state, boolean readOnly, DiskLock lock, Options options)
            throws IOException {
        this.disk = disk;
        this.state = state;
        this.readOnly = readOnly;
        this.lock = lock;
        this.batches = new BatchFolder(disk, this::note);
        this.log =
                StoreLayout.look(disk) == StoreLayout.Found.STORE
                        ? ManifestLog.read(disk, state, options.rolloverBytesMin(), this::note)
                        : ManifestLog.ofNewStore(
                                disk,
                                state,
                                options.rolloverBytesMin(),
                                this::note,
                                options.ids().get());
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
    public static StoreDirectory open(Disk disk, Mode mode, ManifestState state, Options options) {
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
        boolean readOnly = mode == Mode.READ_ONLY;
        DiskLock lock = StoreCheck.lock(disk, readOnly);
        boolean done = false;
        try {
            // under the lock, nobody else creates or replaces anything
            checkMode(disk, mode);
            StoreDirectory directory = new StoreDirectory(disk, state, readOnly, lock, options);
            if (!readOnly) {
                directory.becomeWriter();
            }
            if (directory.log.tornTail() != null) {
                directory.note(directory.log.tornTail());
            }
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

    private static void checkMode(Disk disk, Mode mode) throws IOException {
        boolean exists = StoreLayout.look(disk) == StoreLayout.Found.STORE;
        if (!exists && (mode == Mode.OPEN || mode == Mode.READ_ONLY)) {
            throw new StoreException.Absent(disk.describe(""));
        }
        if (exists && mode == Mode.CREATE) {
            throw new StoreException.NotAStore(
                    disk.describe(""),
                    "there is a store here already; open it, or give a new folder");
        }
    }

    private synchronized void becomeWriter() throws IOException {
        if (log.store().manifestNumber() > 0) {
            log.takeOver();
        }
        // listed once: there may be tens of thousands
        List<String> batchNames = StoreLayout.batchNames(disk, state);
        List<StoreLayout.Stray> strays =
                StoreLayout.strays(disk, log.fileName(), state, batchNames);
        sweep(strays, /* stateIsDurable= */ false);
        disk.createFolder(Names.BATCH_FOLDER);
        nextFileId.set(Math.max(state.nextFileId(), idAfterAll(batchNames)));
        log.start();
        boolean done = false;
        try {
            sweep(strays, /* stateIsDurable= */ true);
            batches.allowDeleting(log.store().term());
            done = true;
        } finally {
            if (!done) {
                log.closeQuietly();
            }
        }
    }

    /**
     * An id above those of all files that are there, also those that are about to be swept: a
     * writer that was shut out may still think that they are its own.
     */
    private static long idAfterAll(List<String> batchNames) {
        long last = -1;
        for (String name : batchNames) {
            long id = Names.batchId(name);
            last = id < FOREIGN_ID_MIN ? Math.max(last, id) : last;
        }
        return last + 1;
    }

    /**
     * Deletes what a crash left. No batch file goes before the state that was read is durable anew:
     * what is seen of the old manifest's end may change with the next loss of power. A record that
     * was never synced may vanish, and what it dropped is needed again; one that was cut off may
     * come back, and what it named is needed then.
     */
    private void sweep(List<StoreLayout.Stray> strays, boolean stateIsDurable) {
        for (StoreLayout.Stray stray : strays) {
            if (stray.isOurs() && stateIsDurable == stray.isBatch()) {
                deleteQuietly(stray.name());
                sweptFiles++;
            }
        }
        if (stateIsDurable && sweptFiles > 0) {
            note(disk.describe("") + ": " + sweptFiles + " files of unfinished work were deleted");
        }
    }

    /** The store's id, the same for its whole life. */
    public synchronized UUID storeId() {
        return log.store().storeId();
    }

    /** The fencing term of this opening; of a read-only one, that of the last writer. */
    public synchronized long term() {
        return log.store().term();
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
        return log.sizeBytes();
    }

    /**
     * Commits changes: makes them durable together with one sync, and then applies them to the
     * state, in order. Batch files that they name must be {@linkplain NewBatchFile#finish
     * finished}.
     *
     * <p>After a crash before it returns, a first part of the changes may have become durable; each
     * single change is there as a whole or not at all.
     *
     * @throws StoreException.Full if there is no room; nothing changed
     * @throws StoreException.Stopped if the outcome is unknown. The store takes no more writes;
     *     what happened is known after reopening it.
     * @throws StoreException if the disk refused otherwise; nothing changed
     */
    public synchronized void append(List<byte[]> changes) {
        checkWritable();
        if (changes.isEmpty()) {
            return;
        }
        try {
            syncNames();
            log.append(changes);
        } catch (StoreException e) {
            throw stop(e);
        } catch (IOException e) {
            throw failed(log.fileName(), "writing a commit", e);
        } catch (RuntimeException | Error e) {
            stop(
                    "a commit ended in an unexpected way, so its outcome is unknown; open it again",
                    e);
            throw e;
        }
        applyAll(changes);
        try {
            log.mark();
        } catch (IOException e) {
            // this commit is durable; the next one will be refused
            stop(StoreException.of(disk, log.fileName(), "marking a commit", e));
        }
    }

    /**
     * Makes the names of the batch files that were finished so far durable, so that the {@linkplain
     * #append commit} that names them does not have to, while others wait for it. Nothing happens
     * once the store is closed.
     *
     * @throws StoreException if the disk refuses
     */
    public void syncBatchNames() {
        if (closed) {
            return;
        }
        checkWritable();
        try {
            syncNames();
        } catch (IOException e) {
            throw failed(Names.BATCH_FOLDER, "syncing the batch files' names", e);
        }
    }

    private void syncNames() throws IOException {
        synchronized (namesLock) {
            if (namesFailure != null) {
                // whoever waited here meanwhile must not sync again as if nothing had happened
                throw namesFailure;
            }
            // what is made from here on may be synced as well, and is synced again
            long made = namesMade.get();
            if (made > namesSynced) {
                try {
                    disk.syncFolder(Names.BATCH_FOLDER);
                } catch (DiskSyncException e) {
                    namesFailure = e;
                    throw e;
                }
                namesSynced = made;
            }
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

    private void checkWritable() {
        StoreException.Stopped why = stopped;
        if (why != null) {
            throw new StoreException.Stopped(
                    why.path(), "the store has stopped; open it again", why);
        }
        if (closed) {
            throw new IllegalStateException("store " + disk.describe("") + " is closed");
        }
        if (readOnly) {
            throw new StoreException.NotPermitted(
                    disk.describe(""), "the store is open for reading only", null);
        }
    }

    private StoreException failed(String name, String doing, IOException e) {
        return stop(StoreException.of(disk, name, doing, e));
    }

    /** Remembers it if it ends the store. */
    private StoreException stop(StoreException e) {
        if (e instanceof StoreException.Stopped s && stopped == null) {
            stopped = s;
            batches.forbidDeleting();
        }
        return e;
    }

    /**
     * Begins a new batch file.
     *
     * @throws StoreException if the disk refuses
     */
    public NewBatchFile createBatchFile() {
        return createBatchFile(false);
    }

    /**
     * The same for one that is likely to be small: it may be written over one that was replaced.
     */
    NewBatchFile createSmallBatchFile() {
        return createBatchFile(true);
    }

    private NewBatchFile createBatchFile(boolean small) {
        checkWritable();
        while (true) {
            long id = nextFileId.getAndIncrement();
            try {
                String name = Names.batch(id);
                DiskFile file = small ? disk.createFromSpare(name) : disk.create(name);
                namesMade.incrementAndGet();
                return new NewBatchFile(this, id, file);
            } catch (FileAlreadyExistsException e) {
                // a writer of an older term made it: leave it to the next sweep, take the next id
            } catch (IOException e) {
                throw failed(Names.batch(id), "creating a batch file", e);
            }
        }
    }

    /** An id for a batch file that somebody else writes; as used as those of our own. */
    long allotFileId() {
        checkWritable();
        return nextFileId.getAndIncrement();
    }

    /**
     * Makes a file that somebody else has written and synced a batch file.
     *
     * @param source its name until now
     * @return whether it is one now; false if there is no such file
     * @throws StoreException if the disk refuses
     */
    boolean adopt(String source, long id) {
        checkWritable();
        try {
            if (!disk.exists(source)) {
                return disk.exists(Names.batch(id));
            }
            disk.rename(source, Names.batch(id));
            namesMade.incrementAndGet();
            return true;
        } catch (IOException e) {
            throw failed(source, "taking over a batch file", e);
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
        return batches.open(id);
    }

    /**
     * Maps the first {@code sizeBytes} bytes of a batch file; the caller closes the lease.
     *
     * @throws StoreException.Damaged if it is missing or shorter than that
     */
    public Lease mapBatchFile(NativeMemory memory, long id, long sizeBytes) {
        return batches.map(memory, id, sizeBytes);
    }

    /**
     * Deletes a batch file that the state no longer refers to and no reader holds. If it fails, the
     * next opening does it; so it does when the store has stopped, was closed, or is another's by
     * now: the file may be referred to then.
     */
    public void deleteBatchFile(long id) {
        batches.delete(id);
    }

    /** The batch files, for those who read them. */
    BatchFolder batches() {
        return batches;
    }

    /** An id that no batch file has had, of all that this opening knows of. */
    long nextFileId() {
        return nextFileId.get();
    }

    /** Takes no more writes: what is in memory may not be what is durable. */
    void stop(String why, @Nullable Throwable cause) {
        stop(new StoreException.Stopped(disk.describe(""), why, cause));
    }

    /**
     * Checks the store file, the manifest and which files there are. It reads only, and keeps
     * writers out meanwhile.
     *
     * @param state brought to what the manifest says, unless that is damaged
     * @throws StoreException if there is no store to check, or it cannot be read
     */
    public static VerifyReport verify(Disk disk, ManifestState state) {
        return StoreCheck.verify(disk, state, (batches, findings) -> {}, damage -> {});
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
     * Marks the store as closed and lets the lock go. If the disk is full the mark is left out, and
     * the next opening treats the store as it does after a crash: nothing is lost.
     *
     * @throws StoreException.Stopped if the closing mark could not be synced
     */
    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        batches.close();
        StoreException problem = null;
        try {
            if (log.isWritable() && stopped == null) {
                log.markClosed();
            }
        } catch (StoreException e) {
            problem = e;
        } catch (IOException e) {
            problem = failed(StoreFile.NAME, "closing the store", e);
        } finally {
            log.closeQuietly();
            closeQuietly(lock);
        }
        if (problem instanceof StoreException.Stopped) {
            throw problem;
        }
    }
}
