package io.espalier.session;

import java.time.Duration;
import java.util.List;

/**
 * Follows one or more tables of a store: gives each committed epoch in which one of them changed,
 * once, in order, with the exact changes of all of them at that epoch, first of those that were
 * committed before, then as they are committed.
 *
 * <pre>{@code
 * try (StoreListener listener = store.listen(List.of(orders, lines), seenEpoch)) {
 *     while (listener.next(Duration.ofSeconds(1))) {
 *         ChangeCursor changes = listener.changes(0);
 *         while (changes.next()) {
 *             // a row of orders that is there, or is not, since listener.epoch()
 *         }
 *     }
 * }
 * }</pre>
 *
 * <p>Nothing is queued: a slow listener costs history that is not folded, and no memory. As long as
 * it is open, the tables keep apart what it has yet to see, whatever {@link
 * StoreOptions#historyEpochs} says; {@link StoreStats.TableStats} shows who holds how much. It
 * holds files only while it is amid epochs that it has found.
 *
 * <p>One thread at a time uses it; any thread may close it, also while it waits. The owner closes
 * it.
 */
public interface StoreListener extends AutoCloseable {

    /** The tables that it follows, in the order of the listening. */
    List<Table> tables();

    /**
     * Goes to the next epoch in which one of the tables changed, waiting for it if need be. What
     * was not read of the one before is skipped.
     *
     * @param timeout how long to wait at most; zero to look only
     * @return false if there was none in that time: ask again
     * @throws InterruptedException if the thread is interrupted while it waits; nothing is lost
     * @throws IllegalStateException if the listener or the store is closed, or is closed meanwhile
     * @throws StoreException.Damaged if it cannot be read; then each time, since what follows would
     *     not be all that follows
     */
    boolean next(Duration timeout) throws InterruptedException;

    /**
     * The epoch that it is at.
     *
     * @throws IllegalStateException if it is at none
     */
    long epoch();

    /**
     * Whether a table changed at the epoch.
     *
     * @param table index of {@link #tables()}
     */
    boolean hasChanges(int table);

    /**
     * The changes of a table at the epoch, in the order that {@link ChangeCursor} states; none if
     * it did not change. To be gone over once, and valid until the listener moves on. It is the
     * listener's: closing it is not needed, and does nothing but end it.
     *
     * @param table index of {@link #tables()}
     */
    ChangeCursor changes(int table);

    /** Ends it; whoever waits in it is told so. Closing twice is fine. */
    @Override
    void close();
}
