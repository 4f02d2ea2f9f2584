package io.espalier.session.chronicle;

import io.espalier.columnar.ChunkPin;
import io.espalier.columnar.Column;
import io.espalier.columnar.DiffType;
import io.espalier.columnar.Run;
import io.espalier.columnar.TrieView;
import net.openhft.chronicle.bytes.Bytes;
import org.jspecify.annotations.Nullable;

/**
 * The updates of a run, one row after another, with keys and vals as {@code Bytes} where they are:
 * the staging of an extraction, for instance. Longs and tuples of longs are their bytes,
 * little-endian.
 *
 * <p>It pins the chunk that the row is in; {@code Bytes} are lent until the next row. Allocates
 * nothing for a row. The owner closes it before it closes the run. Not thread-safe.
 */
public final class BytesRows implements AutoCloseable {

    private final Run run;
    private final TrieView view = new TrieView();
    private final Window keys = new Window();
    private final Window vals = new Window();
    private final Window payloads = new Window();

    private @Nullable ChunkPin pin;
    private boolean closed;
    private long chunk = -1;
    private long key;
    private long val;
    private long update;

    /** Rows of a run, before the first of them; the run outlives them. */
    public BytesRows(Run run) {
        this.run = run;
    }

    /**
     * Goes to the next row.
     *
     * @return whether there is one
     * @throws IllegalStateException if this is closed
     */
    public boolean next() {
        if (closed) {
            throw new IllegalStateException("the rows are closed; open them anew");
        }
        empty();
        if (pin != null) {
            update++;
            if (update < view.updateCount()) {
                if (update == view.updatesTo(val)) {
                    val++;
                    if (val == view.valsTo(key)) {
                        key++;
                    }
                }
                return true;
            }
        }
        return nextChunk();
    }

    private boolean nextChunk() {
        unpin();
        if (chunk + 1 >= run.chunkCount()) {
            return false;
        }
        chunk++;
        key = 0;
        val = 0;
        update = 0;
        // chunks are never empty
        pin = run.open(chunk, view);
        return true;
    }

    /** The key of the row. Lent for reading, until the next row. */
    public Bytes<?> key() {
        checkRow();
        Column column = view.keys();
        return keys.read(column.segment(), column.offsetOf(key), column.sizeOf(key));
    }

    /** The val of the row. Lent for reading, until the next row. */
    public Bytes<?> val() {
        checkRow();
        Column column = view.vals();
        return vals.read(column.segment(), column.offsetOf(val), column.sizeOf(val));
    }

    /**
     * What the upsert of the row sets. Lent for reading, until the next row.
     *
     * @throws IllegalStateException if the rows are counted and not upserted
     */
    public Bytes<?> payload() {
        checkRow();
        Column column = view.payloads();
        if (view.type().diff() != DiffType.UPSERT) {
            throw new IllegalStateException(
                    "rows of " + view.type() + " have no payload; their diff is a count");
        }
        return payloads.read(column.segment(), column.offsetOf(update), column.sizeOf(update));
    }

    /** The time of the row, unsigned. */
    public long time() {
        checkRow();
        return view.timeAt(update);
    }

    /** The count of the row, or the order of its upsert. */
    public long diff() {
        checkRow();
        return view.diffAt(update);
    }

    private void checkRow() {
        if (pin == null) {
            throw new IllegalStateException("not at a row; call next() first, while it says true");
        }
    }

    private void empty() {
        keys.empty();
        vals.empty();
        payloads.empty();
    }

    private void unpin() {
        ChunkPin held = pin;
        if (held != null) {
            pin = null;
            held.close();
        }
    }

    /** Lets go of the chunk; what was lent is over. Closing twice is harmless. */
    @Override
    public void close() {
        closed = true;
        empty();
        unpin();
    }
}
