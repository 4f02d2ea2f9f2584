package io.espalier.pager;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * A hold on the bytes of an {@link Image}: while it is open, they stay where they are. Whoever
 * takes it closes it exactly once, on any thread; the bytes may be anything afterwards.
 */
public final class Pin implements AutoCloseable {

    private static final VarHandle OPEN;

    static {
        try {
            OPEN = MethodHandles.lookup().findVarHandle(Pin.class, "open", boolean.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final Image image;
    private final long offset;

    private volatile boolean open = true;

    Pin(Image image, long offset) {
        this.image = image;
        this.offset = offset;
    }

    /**
     * Where the bytes start in the segment of the pager's memory. They may be mapped: do not write
     * to them.
     *
     * @throws IllegalStateException if this pin is closed
     */
    public long offset() {
        if (!open) {
            throw new IllegalStateException(
                    "pin on an image of " + image.sizeBytes() + " bytes is closed");
        }
        return offset;
    }

    /** How many bytes there are. */
    public long sizeBytes() {
        return image.sizeBytes();
    }

    /**
     * Lets go.
     *
     * @throws IllegalStateException if this pin is closed already
     */
    @Override
    public void close() {
        if (!OPEN.compareAndSet(this, true, false)) {
            throw new IllegalStateException(
                    "pin on an image of " + image.sizeBytes() + " bytes is closed a second time");
        }
        image.letGo();
    }
}
