package io.espalier.columnar;

import io.espalier.memory.MemoryBudget;
import org.jspecify.annotations.Nullable;

/**
 * What a budget is charged for room that is no image: staged updates, scratch, chunks that are
 * being built. It follows what is held, also into debt: then images have to go instead, when the
 * next one is adopted.
 *
 * <p>Single-threaded. The owner closes it.
 */
final class RoomCharge implements AutoCloseable {

    private final MemoryBudget budget;
    private MemoryBudget.@Nullable Ticket ticket;

    RoomCharge(MemoryBudget budget) {
        this.budget = budget;
    }

    /** Charges {@code bytes}, instead of what was charged before. */
    void set(long bytes) {
        MemoryBudget.Ticket before = ticket;
        if (before != null && before.bytes() == bytes) {
            return;
        }
        ticket = budget.charge(bytes);
        if (before != null) {
            before.close();
        }
    }

    @Override
    public void close() {
        if (ticket != null) {
            ticket.close();
            ticket = null;
        }
    }
}
