package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.espalier.columnar.ChainBuilder;
import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.pager.PagerOptions;
import io.espalier.spine.disk.SimulatedDisk;
import io.espalier.spine.trace.StoreDirectory.Mode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.LongSupplier;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * What a test of stores on a simulated disk stands on, new for each test: the disk, memory that has
 * to be given back whole, a pager, and workers who compact from outside. A field of the test, with
 * {@code @RegisterExtension}.
 */
final class SimulatedStores implements BeforeEachCallback, AfterEachCallback {

    private static final class Ground {
        final Path folder;
        final NativeMemory memory;
        final Pager pager;

        Ground(Path folder) {
            this.folder = folder;
            this.memory = NativeMemory.open(NativeMemory.Options.defaults().withDebug(true));
            this.pager = Pager.open(memory, MemoryBudget.unlimited(), PagerOptions.in(folder));
        }
    }

    private final StoreClock clock;
    private SimulatedDisk disk;
    private Optional<Ground> ground = Optional.empty();
    private int attempts;

    private SimulatedStores(long seed, StoreClock clock) {
        this.disk = new SimulatedDisk(seed);
        this.clock = clock;
    }

    /** Stores on a disk of that seed, and the clock of the machine. */
    static SimulatedStores of(long seed) {
        return new SimulatedStores(seed, StoreClock.system());
    }

    /** The same on another clock. */
    static SimulatedStores of(long seed, StoreClock clock) {
        return new SimulatedStores(seed, clock);
    }

    /** The same on the clock of the machine, but for what outlives the process. */
    static SimulatedStores of(long seed, LongSupplier millis) {
        return new SimulatedStores(seed, StoreClock.of(millis));
    }

    @Override
    public void beforeEach(ExtensionContext context) throws IOException {
        ground = Optional.of(new Ground(Files.createTempDirectory("espalier-stores")));
    }

    @Override
    public void afterEach(ExtensionContext context) throws IOException {
        Ground used = ground.orElseThrow();
        try {
            assertEquals(0, memory().stats().leases(), "leases are out");
        } finally {
            used.pager.close();
            used.memory.close();
        }
        // which nothing may be left in
        Files.delete(used.folder);
    }

    NativeMemory memory() {
        return ground.orElseThrow().memory;
    }

    Pager pager() {
        return ground.orElseThrow().pager;
    }

    SimulatedDisk disk() {
        return disk;
    }

    /** Goes on with an empty disk. */
    void newDisk(long seed) {
        disk = new SimulatedDisk(seed);
    }

    /** The files of a folder. */
    List<String> files(String folder) {
        return disk.files().stream().filter(name -> name.startsWith(folder + "/")).toList();
    }

    // ---- stores -------------------------------------------------------------------------------

    TraceStore open(TraceStoreOptions options) {
        return open(options, StoreDirectory.Options.defaults());
    }

    TraceStore open(TraceStoreOptions options, StoreDirectory.Options directoryOptions) {
        return TraceStore.open(
                disk, Mode.OPEN_OR_CREATE, pager(), options, directoryOptions, clock);
    }

    /** The next commit, with rows that no other epoch has. */
    Commit prepare(TraceStore store, String trace, int rows) {
        long epoch = store.upper();
        Commit commit = store.begin();
        ChainBuilder out = commit.writer(store.findOrCreate(trace));
        for (int i = 0; i < rows; i++) {
            Rows.append(memory(), out, key(epoch, i), "v" + epoch, epoch, 1);
        }
        return commit;
    }

    void commit(TraceStore store, String trace, int rows) {
        try (Commit commit = prepare(store, trace, rows)) {
            commit.commit(store.upper());
        }
    }

    /** The key of a row that an epoch brings: between those of others. */
    static String key(long epoch, int row) {
        return Long.toString(1_000_000_000_000L + row * 100_000L + epoch);
    }

    // ---- those who compact from outside -------------------------------------------------------

    /** What becomes of a request; the attempts have names of their own. */
    CompactionResult work(CompactionRequest request) {
        return CompactionWorker.answer(disk, request, pager(), "attempt" + attempts++);
    }

    ExternalCompaction.Answer answer(TraceStore store, CompactionRequest request) {
        return store.externalCompaction().answer(work(request));
    }

    /** Asks, works, answers; whether there was anything to do. */
    boolean compactOutside(TraceStore store) {
        Optional<CompactionRequest> request = store.externalCompaction().next();
        request.ifPresent(
                asked -> assertEquals(ExternalCompaction.Answer.APPLIED, answer(store, asked)));
        return request.isPresent();
    }
}
