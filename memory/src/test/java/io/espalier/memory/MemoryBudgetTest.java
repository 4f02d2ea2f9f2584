package io.espalier.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.testing.Seed;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

final class MemoryBudgetTest {

    /** Fails if the counter ever differs from the sum of the open tickets. */
    @Property(tries = 100)
    void theCounterIsTheSumOfTheOpenTickets(@ForAll long seed) {
        Random random = new Random(seed);
        MemoryBudget budget = new MemoryBudget(1000);
        Deque<MemoryBudget.Ticket> open = new ArrayDeque<>();
        long total = 1000;
        long used = 0;
        for (int i = 0; i < 300; i++) {
            long bytes = random.nextInt(400);
            switch (random.nextInt(5)) {
                case 0 -> {
                    open.add(budget.charge(bytes));
                    used += bytes;
                }
                case 1 -> {
                    MemoryBudget.Ticket ticket = budget.tryCharge(bytes);
                    assertEquals(bytes <= total - used, ticket != null);
                    if (ticket != null) {
                        assertEquals(bytes, ticket.bytes());
                        open.addFirst(ticket);
                        used += bytes;
                    }
                }
                case 2 -> {
                    total = random.nextInt(3000);
                    budget.resize(total);
                }
                default -> {
                    MemoryBudget.Ticket ticket = open.poll();
                    if (ticket != null) {
                        used -= ticket.bytes();
                        ticket.close();
                    }
                }
            }
            assertEquals(used, budget.usedBytes());
            assertEquals(total, budget.totalBytes());
            assertEquals(total - used, budget.availableBytes());
        }
        open.forEach(MemoryBudget.Ticket::close);
        assertEquals(0, budget.usedBytes());
    }

    /** Fails if shrinking forgets what is charged, or if a budget in debt lends more. */
    @Test
    void shrinkingBelowWhatIsUsedLeavesADebtThatClosingPays() {
        MemoryBudget budget = new MemoryBudget(100);
        MemoryBudget.Ticket first = budget.charge(60);
        MemoryBudget.Ticket second = budget.charge(60);
        assertEquals(-20, budget.availableBytes());
        budget.resize(10);
        assertEquals(-110, budget.availableBytes());
        assertNull(budget.tryCharge(0), "not even nothing fits into a debt");
        first.close();
        assertEquals(-50, budget.availableBytes());
        second.close();
        assertEquals(10, budget.availableBytes());
        try (MemoryBudget.Ticket all = budget.tryCharge(10)) {
            assertNotNull(all);
            assertEquals(0, budget.availableBytes());
        }
    }

    /** Fails if a second close credits a second time. */
    @Test
    void closingATicketTwiceCreditsOnce() {
        MemoryBudget budget = new MemoryBudget(100);
        MemoryBudget.Ticket one = budget.charge(30);
        MemoryBudget.Ticket other = budget.charge(30);
        one.close();
        one.close();
        assertEquals(30, budget.usedBytes());
        other.close();
        assertEquals(0, budget.usedBytes());
    }

    /** Fails if several threads together get more than there is, or if a credit is lost. */
    @Test
    void threadsTogetherNeverExceedTheBudgetAndCreditAcrossThreads() throws Exception {
        MemoryBudget budget = new MemoryBudget(1000);
        ConcurrentLinkedQueue<MemoryBudget.Ticket> handedOver = new ConcurrentLinkedQueue<>();
        try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
            List<Future<?>> all = new ArrayList<>();
            for (int t = 0; t < 4; t++) {
                Random random = new Random(Seed.value() + t);
                all.add(
                        threads.submit(() -> {
                            for (int i = 0; i < 20_000; i++) {
                                var ticket = budget.tryCharge(random.nextInt(300));
                                if (ticket != null) {
                                    handedOver.add(ticket);
                                }
                                assertTrue(budget.usedBytes() <= 1000);
                                var other = handedOver.poll();
                                if (other != null) {
                                    other.close();
                                    other.close();
                                }
                            }
                        }));
            }
            for (Future<?> one : all) {
                one.get();
            }
        }
        handedOver.forEach(MemoryBudget.Ticket::close);
        assertEquals(0, budget.usedBytes());
    }

    /** Fails if a nonsensical amount is taken, or if a huge one wraps the counter around. */
    @Test
    void amountsOutOfRangeAreRefusedAndChangeNothing() {
        assertThrows(IllegalArgumentException.class, () -> new MemoryBudget(-1));
        assertThrows(IllegalArgumentException.class, () -> new MemoryBudget(Long.MAX_VALUE));
        MemoryBudget budget = MemoryBudget.unlimited();
        assertThrows(IllegalArgumentException.class, () -> budget.charge(-1));
        assertThrows(IllegalArgumentException.class, () -> budget.tryCharge(-1));
        assertThrows(IllegalArgumentException.class, () -> budget.resize(-1));
        try (MemoryBudget.Ticket huge = budget.charge(Long.MAX_VALUE)) {
            assertThrows(ArithmeticException.class, () -> budget.charge(1));
            assertEquals(huge.bytes(), budget.usedBytes());
            assertTrue(budget.availableBytes() < 0);
        }
        assertEquals(0, budget.usedBytes());
    }
}
