package io.espalier.session;

/**
 * Goes over changes of a table: in epoch order, within an epoch in key order, and for a key the
 * retraction of its old value (-1) before the insertion of the new one (+1). Changes that undo each
 * other within an epoch do not appear; neither does a put of the value that was there.
 *
 * <p>As a {@link RowCursor} it lends its bytes until the next call of {@code next()}.
 */
public interface ChangeCursor extends RowCursor {

    /** The epoch that made this change. */
    long epoch();

    /** +1: the row is there since this epoch. -1: it is no longer. */
    long diff();
}
