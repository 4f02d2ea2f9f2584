package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.pager.PagerOptions;
import io.espalier.spine.disk.SimulatedDisk;
import io.espalier.spine.disk.SimulatedDisk.Fault;
import io.espalier.spine.trace.ExternalCompaction.Answer;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Histories of a whole store, commits and compactions and readers, on a disk that fails, against a
 * model: what was acknowledged is there as of every epoch, what was refused is not, and of the one
 * commit under way when the machine stopped all is there or nothing.
 */
class TraceSimulationTest {

    /** How many long histories; a night's worth with {@code -Despalier.histories=1000000}. */
    private static final long HISTORIES = Long.getLong("espalier.histories", 300);

    @TempDir Path folder = Path.of("");

    private NativeMemory memory = NativeMemory.open();
    private Pager pager = Pager.open(memory, MemoryBudget.unlimited(), PagerOptions.in(folder));

    /** What became of the results of others. */
    private final Map<Answer, Integer> answers = new TreeMap<>();

    @BeforeEach
    void open() {
        pager.close();
        memory.close();
        memory = NativeMemory.open(NativeMemory.Options.defaults().withDebug(true));
        pager = Pager.open(memory, MemoryBudget.unlimited(), PagerOptions.in(folder));
    }

    @AfterEach
    void close() {
        pager.close();
        memory.close();
    }

    private static void scenario(TraceHistory history) {
        for (int life = 0; life < 2; life++) {
            history.open();
            for (int i = 0; i < 7; i++) {
                history.act();
            }
            history.compact();
            history.close();
        }
    }

    private long countSteps(long seed) {
        TraceHistory history = new TraceHistory(seed, memory, pager);
        scenario(history);
        return history.disk.steps();
    }

    private void crashAtEachStep(long firstSeed, long seeds) {
        for (long seed = firstSeed; seed < firstSeed + seeds; seed++) {
            long steps = countSteps(seed);
            assertTrue(steps > 60);
            for (long step = 0; step < steps; step++) {
                TraceHistory history = new TraceHistory(seed, memory, pager);
                history.disk.failAt(step, Fault.CRASH);
                try {
                    try {
                        scenario(history);
                        fail("seed " + seed + " did not reach step " + step);
                    } catch (SimulatedDisk.Crash e) {
                        history.restart();
                    }
                    history.checkWhole();
                    history.finish();
                } catch (AssertionError | RuntimeException e) {
                    throw new AssertionError("seed " + seed + ", crash at step " + step, e);
                }
            }
        }
    }

    /** Each fault at every step, or the faults in turn at every third. */
    private void failAtEachStep(long firstSeed, long seeds, boolean inTurn) {
        List<Fault> faults = List.of(Fault.FULL, Fault.SYNC_FAILS, Fault.DENIED);
        for (Fault fault : faults) {
            for (long seed = firstSeed; seed < firstSeed + seeds; seed++) {
                long steps = countSteps(seed);
                int stride = inTurn ? faults.size() : 1;
                for (long step = faults.indexOf(fault) % stride; step < steps; step += stride) {
                    TraceHistory history = new TraceHistory(seed, memory, pager);
                    history.disk.failAt(step, fault);
                    try {
                        runThrough(history);
                    } catch (AssertionError | RuntimeException e) {
                        throw new AssertionError(
                                "seed " + seed + ", " + fault + " at step " + step, e);
                    }
                }
            }
        }
    }

    private static void runThrough(TraceHistory history) {
        for (int life = 0; life < 2; life++) {
            try {
                history.open();
                for (int i = 0; i < 7; i++) {
                    history.actOrGoOn();
                }
                history.close();
            } catch (StoreException.Stopped | StoreException.Full | StoreException.NotPermitted e) {
                history.restart();
            }
        }
        history.checkWhole();
        history.finish();
    }

    private void longHistories(long firstSeed, long histories) {
        for (long seed = firstSeed; seed < firstSeed + histories; seed++) {
            TraceHistory history = new TraceHistory(seed, memory, pager);
            try {
                for (int life = 0; life < 5; life++) {
                    liveAndFail(history);
                    history.restart();
                    history.checkWhole();
                }
                history.finish();
                history.answers.forEach(
                        (answer, count) -> answers.merge(answer, count, Integer::sum));
            } catch (AssertionError | RuntimeException e) {
                throw new AssertionError("seed " + seed, e);
            }
        }
    }

    private static void liveAndFail(TraceHistory history) {
        for (int i = history.random.nextInt(4); i > 0; i--) {
            Fault[] kinds = Fault.values();
            history.disk.failAt(
                    history.disk.steps() + history.random.nextLong(120),
                    kinds[history.random.nextInt(kinds.length)]);
        }
        try {
            history.open();
            for (int i = history.random.nextInt(14); i > 0; i--) {
                history.actOrGoOn();
            }
            if (history.random.nextInt(3) == 0) {
                history.close();
            }
        } catch (SimulatedDisk.Crash
                | StoreException.Stopped
                | StoreException.Full
                | StoreException.NotPermitted e) {
            // goes down, then
        }
    }

    @Test
    void aCrashAtAnyStepOfCommittingAndCompactingLosesNothing() {
        // fails if there is one moment in a commit or a compaction that is not safe
        crashAtEachStep(0, 2);
    }

    @Test
    void aFaultAtAnyStepOfCommittingAndCompactingLeavesTheStoreWhole() {
        // fails if a full disk, a failed sync or a refusal at one step loses, invents or leaks
        failAtEachStep(0, 1, true);
    }

    @Test
    void longHistoriesOfTracesEndInWhatWasAcknowledged() {
        // fails if faults in sequence, which each alone are survived, together are not
        longHistories(1000, HISTORIES);
        // or if what is to be survived does not happen
        for (Answer answer :
                List.of(
                        Answer.APPLIED,
                        Answer.REPEATED,
                        Answer.STALE,
                        Answer.UNKNOWN,
                        Answer.FAILED)) {
            assertTrue(answers.getOrDefault(answer, 0) > 0, answers::toString);
        }
    }

    @Test
    @Tag("long")
    void manyHistoriesOfTracesEndInWhatWasAcknowledged() {
        // fails as the three above do, for the rarer seeds
        crashAtEachStep(100, 60);
        failAtEachStep(100, 30, false);
        longHistories(100_000, 20_000);
    }
}
