package io.espalier.session;

import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;

/**
 * A directory of keyed tables that change in epochs. What is written is staged, in native memory;
 * {@link #commit()} makes it durable, as one epoch for all tables. Every epoch's exact changes can
 * be read back.
 *
 * <pre>{@code
 * try (Store store = Store.open(path, StoreOptions.defaults().withCreate(true))) {
 *     store.table().put(key, value);
 *     long epoch = store.commit();
 * }
 * }</pre>
 *
 * <p>One process owns a store for writing at a time, and in it one {@code Store}, or any number of
 * them have it open for reading. One thread at a time stages and commits. Any thread may read,
 * beside the writer too. What is committed survives the end of the process at any moment; what is
 * only staged does not.
 */
public interface Store extends AutoCloseable {

    /** The name of the table that is used where none is named. */
    String TABLE_DEFAULT = "default";

    /**
     * Opens the store in {@code directory}, or makes it if the options say so. Opening reads
     * metadata only: it takes as long for a large store as for a small one.
     *
     * @throws StoreException its subclasses say what is wrong: {@code Absent}, {@code Foreign},
     *     {@code NewerVersion}, {@code Locked}, {@code Damaged}, {@code ReadOnly}, {@code DiskFull}
     */
    static Store open(Path directory, StoreOptions options) {
        return NativeStore.open(directory, options);
    }

    /**
     * Reads every byte of the store in {@code directory} and checks every checksum and invariant,
     * also of a store that is too damaged to be opened. It changes nothing, and keeps writers out
     * meanwhile.
     *
     * @param problems is told each problem as it is found
     * @return what was looked at, and how many problems there are
     * @throws StoreException if there is no store to look at, it is newer than this version, it is
     *     being written, or the operating system refuses to read it; damage is reported, not thrown
     */
    static Verification verify(Path directory, Consumer<Problem> problems) {
        return NativeStore.verify(directory, problems);
    }

    /**
     * The table of this name. It comes into being with the first commit that writes to it; until
     * then it is empty. The same object each time.
     *
     * @throws IllegalArgumentException if {@link Limits#isTableName} does not hold
     */
    Table table(String name);

    /** The table {@value #TABLE_DEFAULT}. */
    default Table table() {
        return table(TABLE_DEFAULT);
    }

    /** The names of the tables that exist, in order. */
    List<String> tableNames();

    /**
     * Makes everything that was staged since the last commit durable and visible, as one epoch.
     * When it returns, the epoch survives whatever happens to the process.
     *
     * @return the epoch, one more than the last; or the last one, if nothing was staged
     * @throws StoreException if that is not possible; then nothing of the epoch is visible, and
     *     what was staged is still staged: stage more, commit again, or roll back. After {@code
     *     Failed} because a sync failed the store takes no more commits, and whether the epoch is
     *     there is known when it is opened again: there whole, or not at all
     */
    long commit();

    /** Forgets what was staged since the last commit; after any failure too. */
    void rollback();

    /** The last committed epoch; 0 if there is none yet. */
    long epoch();

    /**
     * Follows tables: gives every committed epoch after {@code sinceEpoch} in which one of them
     * changed, with the exact changes of all of them, and then waits for the next ones. The caller
     * closes it.
     *
     * <p>To begin with everything: read {@link #epoch()}, {@linkplain Table#scan scan} as of it,
     * and listen since it.
     *
     * @param tables of this store, at least one; one that does not exist yet is listened to as well
     * @param sinceEpoch the last epoch that the caller has seen; {@link #epoch()} for what is yet
     *     to come
     * @throws StoreException.OutOfHistory if one of the tables cannot tell its changes since then
     *     any more, or the epoch is above {@link #epoch()}
     */
    StoreListener listen(List<Table> tables, long sinceEpoch);

    /** What is inside, now. */
    StoreStats stats();

    /**
     * Brings every table to a single run, without what its history no longer needs. Takes as long
     * as reading and writing everything once; staged writes are not touched.
     *
     * @throws StoreException if a file cannot be read or written; what is done by then stays done
     */
    void compact();

    /**
     * Closes the store. What was staged and not committed is dropped. Calls of other threads that
     * are under way are waited for; every later call throws {@link IllegalStateException}. Cursors
     * that are still open are closed with it: their calls throw {@link IllegalStateException} too,
     * as does reading bytes that they lent. Closing twice is fine.
     *
     * @throws StoreException if the end could not be noted on disk. The store is closed all the
     *     same, nothing that was committed is lost, and opening it again looks after the rest
     */
    @Override
    void close();
}
