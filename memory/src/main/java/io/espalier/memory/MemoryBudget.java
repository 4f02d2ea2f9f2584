package io.espalier.memory;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * One signed counter of bytes that everything resident is charged to. It may be shared by all
 * stores of a process. Whoever holds bytes holds a {@link Ticket}; closing the ticket, on any
 * thread, credits the budget that it was charged to. Shrinking the budget below what is in use
 * leaves it in debt: {@link #availableBytes()} is negative until enough tickets are closed, and
 * nothing is forgotten.
 *
 * <p>Thread-safe.
 */
public final class MemoryBudget {

    private final AtomicLong totalBytes;
    private final AtomicLong usedBytes = new AtomicLong();

    /**
     * A budget of its own.
     *
     * @param totalBytes how many bytes may be resident; 0 or more, below 4 EiB
     * @throws IllegalArgumentException if it is not
     */
    public MemoryBudget(long totalBytes) {
        this.totalBytes = new AtomicLong(checked(totalBytes));
    }

    /** A budget that nothing exceeds. */
    public static MemoryBudget unlimited() {
        return new MemoryBudget(Long.MAX_VALUE / 2);
    }

    private static long checked(long totalBytes) {
        if (totalBytes < 0 || totalBytes > Long.MAX_VALUE / 2) {
            throw new IllegalArgumentException(
                    "memory budget is " + totalBytes + " bytes; give 0 or more, below 4 EiB");
        }
        return totalBytes;
    }

    /** The configured size in bytes. */
    public long totalBytes() {
        return totalBytes.get();
    }

    /** What all open tickets hold, in bytes. */
    public long usedBytes() {
        return usedBytes.get();
    }

    /** What is left, in bytes; negative while in debt. */
    public long availableBytes() {
        return totalBytes.get() - usedBytes.get();
    }

    /**
     * Changes the size while in use; what is charged stays charged.
     *
     * @throws IllegalArgumentException if {@code totalBytes} is negative or 4 EiB or more
     */
    public void resize(long totalBytes) {
        this.totalBytes.set(checked(totalBytes));
    }

    /**
     * Charges {@code bytes}, going into debt if it must.
     *
     * @throws IllegalArgumentException if {@code bytes} is negative
     * @throws ArithmeticException if more than 8 EiB would be charged; nothing is, then
     */
    public Ticket charge(long bytes) {
        take(bytes);
        return new Ticket(this, bytes);
    }

    /**
     * Charges {@code bytes} without a ticket, going into debt if it must: for an owner that knows
     * for itself whether it is charged, and is one of many. It gives back exactly that, once.
     *
     * @throws IllegalArgumentException if {@code bytes} is negative
     * @throws ArithmeticException if more than 8 EiB would be charged; nothing is, then
     */
    public void take(long bytes) {
        checkAmount(bytes);
        while (true) {
            long used = usedBytes.get();
            if (usedBytes.compareAndSet(used, Math.addExact(used, bytes))) {
                return;
            }
        }
    }

    /** Credits what was {@linkplain #take taken}; from any thread. */
    public void giveBack(long bytes) {
        checkAmount(bytes);
        long used = usedBytes.addAndGet(-bytes);
        assert used >= 0 : "budget credited more than it was charged: " + used;
    }

    /**
     * Charges {@code bytes} if that much is available, else changes nothing and returns null.
     *
     * @throws IllegalArgumentException if {@code bytes} is negative
     */
    public @Nullable Ticket tryCharge(long bytes) {
        checkAmount(bytes);
        while (true) {
            long used = usedBytes.get();
            if (totalBytes.get() - used < bytes) {
                return null;
            }
            if (usedBytes.compareAndSet(used, used + bytes)) {
                return new Ticket(this, bytes);
            }
        }
    }

    private static void checkAmount(long bytes) {
        if (bytes < 0) {
            throw new IllegalArgumentException("a ticket of " + bytes + " bytes; give 0 or more");
        }
    }

    /** A hold on part of a budget. Closing it twice is harmless; the budget is credited once. */
    public static final class Ticket implements AutoCloseable {

        private static final VarHandle OPEN;

        static {
            try {
                OPEN = MethodHandles.lookup().findVarHandle(Ticket.class, "open", boolean.class);
            } catch (ReflectiveOperationException e) {
                throw new ExceptionInInitializerError(e);
            }
        }

        private final MemoryBudget budget;
        private final long bytes;

        @SuppressWarnings("unused") // through OPEN
        private volatile boolean open = true;

        private Ticket(MemoryBudget budget, long bytes) {
            this.budget = budget;
            this.bytes = bytes;
        }

        /** What this ticket holds, in bytes. */
        public long bytes() {
            return bytes;
        }

        /** Credits the budget, the first time; from any thread. */
        @Override
        public void close() {
            if (OPEN.compareAndSet(this, true, false)) {
                budget.giveBack(bytes);
            }
        }
    }
}
