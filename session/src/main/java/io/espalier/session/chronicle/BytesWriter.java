package io.espalier.session.chronicle;

import io.espalier.columnar.ColumnBuilder;
import io.espalier.memory.NativeBuffer;
import io.espalier.memory.NativeMemory;
import java.lang.foreign.MemorySegment;
import net.openhft.chronicle.bytes.Bytes;

/**
 * Native room to write one value after another through {@code Bytes}, for instance the keys of a
 * bulk read:
 *
 * <pre>{@code
 * try (BytesWriter writer = new BytesWriter(memory);
 *         ColumnBuilder probes = ColumnBuilder.distinct(memory, ColumnType.BYTES)) {
 *     for (Order order : orders) {
 *         writer.begin(64).writeUtf8(order.account()).writeStopBit(order.number());
 *         writer.appendTo(probes);
 *     }
 *     extractor.extract(run, probes.column(), out);
 * }
 * }</pre>
 *
 * <p>Allocates nothing for a value. The owner closes it. Not thread-safe.
 */
public final class BytesWriter implements AutoCloseable {

    private final NativeBuffer room;
    private final Window window = new Window();
    private boolean begun;

    /** A writer that takes its room from a memory. */
    public BytesWriter(NativeMemory memory) {
        this.room = new NativeBuffer(memory);
    }

    /**
     * Begins a value. What was lent for the one before is over.
     *
     * @param sizeBytesMax how many bytes can be written; more is a {@code BufferOverflowException}
     * @return where to write; lent until the next {@code begin}, or the close
     * @throws IllegalArgumentException if the size is negative
     */
    public Bytes<?> begin(long sizeBytesMax) {
        begun = false;
        window.empty();
        if (sizeBytesMax < 0) {
            throw new IllegalArgumentException(
                    "room for " + sizeBytesMax + " bytes; give 0 or more");
        }
        room.clear();
        long offset = room.reserve(sizeBytesMax);
        begun = true;
        return window.write(room.segment(), offset, sizeBytesMax);
    }

    /**
     * Appends the value to a column of bytes.
     *
     * @throws IllegalStateException if none was begun
     */
    public void appendTo(ColumnBuilder column) {
        column.append(segment(), offset(), sizeBytes());
    }

    /**
     * The segment that {@link #offset()} indexes.
     *
     * @throws IllegalStateException if no value was begun
     */
    public MemorySegment segment() {
        checkBegun();
        return room.segment();
    }

    /**
     * Where the value starts, until the next {@link #begin}.
     *
     * @throws IllegalStateException if no value was begun
     */
    public long offset() {
        checkBegun();
        return room.offset();
    }

    /**
     * How many bytes of the value are written.
     *
     * @throws IllegalStateException if no value was begun
     */
    public long sizeBytes() {
        checkBegun();
        return window.writtenBytes();
    }

    private void checkBegun() {
        if (!begun) {
            throw new IllegalStateException("no value was begun; call begin() and write it");
        }
    }

    /** Gives the room back. What was lent is over; the writer may be used again. */
    @Override
    public void close() {
        begun = false;
        window.empty();
        room.close();
    }
}
