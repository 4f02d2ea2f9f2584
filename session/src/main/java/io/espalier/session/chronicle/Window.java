package io.espalier.session.chronicle;

import java.lang.foreign.MemorySegment;
import java.lang.reflect.Proxy;
import net.openhft.chronicle.bytes.Bytes;
import net.openhft.chronicle.bytes.PointerBytesStore;
import net.openhft.chronicle.core.Memory;
import net.openhft.chronicle.core.OS;

/**
 * A store over native bytes that somebody holds, which can be moved to others and emptied. One
 * object for any number of rows: moving it allocates nothing.
 *
 * <p>Emptied it has no bytes, and instead of the memory one that refuses. So whoever kept the
 * store, or made a {@code Bytes} of it, gets an exception, whatever limits that has.
 */
final class Window extends PointerBytesStore {

    private static final String CLOSED =
            "these bytes were lent until the next row, or the close of what lent them; read them"
                    + " before, or copy them";

    /** Throws, whatever it is asked for. */
    private static final Memory REFUSING =
            (Memory)
                    Proxy.newProxyInstance(
                            Memory.class.getClassLoader(),
                            new Class<?>[] {Memory.class},
                            (proxy, method, arguments) -> {
                                throw new IllegalStateException(CLOSED);
                            });

    /** An address that is nobody's: a store wants one, even of no bytes. Never given back. */
    private static final long NOWHERE = OS.memory().allocate(Long.BYTES);

    private final Bytes<?> bytes;

    Window() {
        this.bytes = bytesForWrite();
        empty();
    }

    /** The bytes, for reading from the first to the last. They stay where they are meanwhile. */
    Bytes<?> read(MemorySegment segment, long offset, long sizeBytes) {
        move(segment, offset, sizeBytes);
        bytes.writePosition(sizeBytes);
        return bytes;
    }

    /** The bytes, for writing from the first on; no more than there are. */
    Bytes<?> write(MemorySegment segment, long offset, long sizeBytes) {
        move(segment, offset, sizeBytes);
        return bytes;
    }

    private void move(MemorySegment segment, long offset, long sizeBytes) {
        memory = OS.memory();
        set(segment.address() + offset, sizeBytes);
        bytes.clear();
        bytes.writeLimit(sizeBytes);
    }

    /** How many bytes were written since {@link #write}. */
    long writtenBytes() {
        return bytes.writePosition();
    }

    /** Lends no bytes any more. */
    void empty() {
        bytes.clear();
        bytes.writeLimit(0);
        set(NOWHERE, 0);
        memory = REFUSING;
    }
}
