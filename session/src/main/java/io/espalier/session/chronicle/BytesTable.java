package io.espalier.session.chronicle;

import io.espalier.memory.Layouts;
import io.espalier.memory.NativeBuffer;
import io.espalier.memory.NativeMemory;
import io.espalier.memory.UnownedMemory;
import io.espalier.session.Table;
import java.lang.foreign.MemorySegment;
import java.nio.BufferOverflowException;
import net.openhft.chronicle.bytes.Bytes;
import net.openhft.chronicle.bytes.BytesStore;

/**
 * A table whose keys and values are {@code Bytes}: what is readable in them, from read position to
 * read limit, which stay as they are. Native {@code Bytes} are copied once, from their memory into
 * the table's; those on the heap go through native room of this object. Writing allocates nothing
 * for a row.
 *
 * <p>For one thread, that of the writer of the store if it writes. The owner closes it; the table
 * and its store stay open.
 */
public final class BytesTable implements AutoCloseable {

    private static final long ROOM_KEPT_BYTES_MAX = 1 << 20;

    private final Table table;
    private final NativeBuffer keyRoom;
    private final NativeBuffer valueRoom;

    /**
     * A table as {@code Bytes}.
     *
     * @param memory where room is taken for what is on the heap, and for values on their way
     */
    public BytesTable(Table table, NativeMemory memory) {
        this.table = table;
        this.keyRoom = new NativeBuffer(memory);
        this.valueRoom = new NativeBuffer(memory);
    }

    /**
     * Stages: {@code key} has {@code value}; see {@link Table#put(byte[], byte[])}.
     *
     * @throws IllegalStateException if one of them was released
     */
    public void put(BytesStore<?, ?> key, BytesStore<?, ?> value) {
        long keySize = key.readRemaining();
        long valueSize = value.readRemaining();
        table.put(
                segment(key),
                offset(key, keySize, keyRoom),
                keySize,
                segment(value),
                offset(value, valueSize, valueRoom),
                valueSize);
        trim();
    }

    /**
     * Stages: {@code key} has no value; see {@link Table#delete(byte[])}.
     *
     * @throws IllegalStateException if it was released
     */
    public void delete(BytesStore<?, ?> key) {
        long keySize = key.readRemaining();
        table.delete(segment(key), offset(key, keySize, keyRoom), keySize);
        trim();
    }

    /**
     * Appends the value of {@code key}, as of the last committed epoch, to {@code target}.
     *
     * @return whether it has one; if not, nothing is appended
     * @throws IllegalStateException if one of them was released
     * @throws BufferOverflowException if {@code target} cannot grow to take it; nothing is appended
     *     then
     */
    public boolean get(BytesStore<?, ?> key, Bytes<?> target) {
        checkHeld(target);
        long keySize = key.readRemaining();
        valueRoom.clear();
        long size = table.get(segment(key), offset(key, keySize, keyRoom), keySize, valueRoom);
        if (size >= 0) {
            append(target, size);
        }
        trim();
        return size >= 0;
    }

    private void append(Bytes<?> target, long size) {
        MemorySegment source = valueRoom.segment();
        long at = target.writePosition();
        target.ensureCapacity(at + size);
        if (target.writeRemaining() < size) {
            throw new BufferOverflowException();
        }
        if (size > 0 && target.isDirectMemory()) {
            long address = target.addressForWrite(at);
            MemorySegment.copy(source, valueRoom.offset(), UnownedMemory.segment(), address, size);
            target.writeSkip(size);
            return;
        }
        for (long i = 0; i < size; i++) {
            target.writeByte(source.get(Layouts.BYTE, valueRoom.offset() + i));
        }
    }

    private static void checkHeld(BytesStore<?, ?> bytes) {
        if (bytes.refCount() <= 0) {
            throw new IllegalStateException("the Bytes were released; hold them during the call");
        }
    }

    /** The segment that the bytes are in: they are native, or will be copied to be. */
    private MemorySegment segment(BytesStore<?, ?> bytes) {
        checkHeld(bytes);
        return bytes.isDirectMemory() ? UnownedMemory.segment() : keyRoom.segment();
    }

    /** Where in that segment they are. */
    private static long offset(BytesStore<?, ?> bytes, long size, NativeBuffer room) {
        if (size == 0 && bytes.isDirectMemory()) {
            return 0;
        }
        long from = bytes.readPosition();
        if (bytes.isDirectMemory()) {
            return bytes.addressForRead(from);
        }
        room.clear();
        for (long i = 0; i < size; i++) {
            room.appendByte(bytes.readByte(from + i));
        }
        return room.offset();
    }

    /** Room for a large value is not kept. */
    private void trim() {
        keyRoom.clear(ROOM_KEPT_BYTES_MAX);
        valueRoom.clear(ROOM_KEPT_BYTES_MAX);
    }

    /** Gives the room back; the table stays open, and this may be used again. */
    @Override
    public void close() {
        keyRoom.close();
        valueRoom.close();
    }
}
