package io.espalier.jmh;

import com.sun.management.OperatingSystemMXBean;
import com.sun.management.ThreadMXBean;
import io.espalier.columnar.Chunk;
import io.espalier.columnar.ChunkPin;
import io.espalier.columnar.MergeBatcher;
import io.espalier.columnar.Seal;
import io.espalier.columnar.TrieView;
import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Codec;
import io.espalier.pager.CodecPolicy;
import io.espalier.pager.Pager;
import io.espalier.pager.PagerOptions;
import io.espalier.pager.SpillStats;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * One run of {@code bench paging} in a JVM of its own, so that peaks do not mix: feeds a merge
 * batcher, seals once, reads what comes out, and prints what that took.
 */
public final class PagingRun {

    /** From here on a budget is none. */
    private static final long BUDGETED_MAX = 1L << 50;

    private static final long WARM_BYTES = 64L << 20;

    private PagingRun() {}

    /**
     * Runs and prints one line {@code name=value} for each figure.
     *
     * @param args the workload, its updates, the budget in bytes, the codec, and the folder for
     *     spill files
     */
    public static void main(String[] args) throws IOException {
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        run(
                PagingWorkload.valueOf(args[0]),
                Long.parseLong(args[1]),
                Long.parseLong(args[2]),
                Codec.valueOf(args[3]),
                Path.of(args[4]),
                out);
        out.flush();
    }

    private static void run(
            PagingWorkload workload,
            long updates,
            long budgetBytes,
            Codec codec,
            Path spill,
            PrintStream out)
            throws IOException {
        PagerOptions options = PagerOptions.in(spill).withCodecPolicy(CodecPolicy.always(codec));
        try (NativeMemory memory = NativeMemory.open(memoryOptions(budgetBytes));
                Pager pager = Pager.open(memory, new MemoryBudget(budgetBytes), options);
                MergeBatcher batcher = new MergeBatcher(pager, PagingWorkload.TYPE);
                MemoryWatch watch = new MemoryWatch(memory.segment())) {
            watch.start();
            long allocated = allocatedBytes();
            long cpuStarted = cpuNanos();
            long started = System.nanoTime();
            workload.feed(batcher, updates);
            long fed = System.nanoTime();
            long heldBytes = batcher.sizeBytes();
            long found = read(batcher.startSeal(MergeBatcher.NO_TIME));
            long sealed = System.nanoTime();
            long cpuNanos = cpuNanos() - cpuStarted;
            long heapBytes = allocatedBytes() - allocated;
            if (found != workload.remaining(updates)) {
                throw new IllegalStateException(
                        found + " updates came out, expected " + workload.remaining(updates));
            }
            SpillStats stats = pager.stats();
            out.println("feed_nanos=" + (fed - started));
            out.println("nanos=" + (sealed - started));
            out.println("cpu_nanos=" + cpuNanos);
            out.println("held_bytes=" + heldBytes);
            out.println("heap_bytes=" + heapBytes);
            out.println("raw_bytes_out=" + stats.pagedOut().rawBytes());
            out.println("stored_bytes_out=" + stats.pagedOut().storedBytes());
            out.println("raw_bytes_in=" + stats.pagedIn().rawBytes());
            out.println("native_bytes_peak=" + memory.stats().leasedBytesPeak());
            out.println("native_rss_bytes_peak=" + watch.peakBytes());
            out.println("rss_bytes_peak=" + residentBytesPeak());
        }
    }

    /** Where nothing is short of memory, what merges free in bursts stays for what they make. */
    private static NativeMemory.Options memoryOptions(long budgetBytes) {
        NativeMemory.Options options = NativeMemory.Options.defaults();
        return budgetBytes < BUDGETED_MAX ? options : options.withWarmBytes(WARM_BYTES);
    }

    /** Reads what a seal gives out and lets each chunk go; how many updates there were. */
    private static long read(Seal seal) {
        long updates = 0;
        long sum = 0;
        TrieView view = new TrieView();
        for (Chunk next = seal.next(); next != null; next = seal.next()) {
            try (Chunk chunk = next;
                    ChunkPin pin = chunk.open(view)) {
                updates += view.updateCount();
                sum += view.diffSum();
            }
        }
        seal.close();
        if (updates > 0 && sum == 0) {
            throw new IllegalStateException(updates + " updates sum to nothing");
        }
        return updates;
    }

    /** What all threads have used, the compiler's included. */
    private static long cpuNanos() {
        return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
                .getProcessCpuTime();
    }

    private static long allocatedBytes() {
        return ((ThreadMXBean) ManagementFactory.getThreadMXBean())
                .getCurrentThreadAllocatedBytes();
    }

    /** The peak of this process's resident memory; 0 where the system does not tell. */
    private static long residentBytesPeak() throws IOException {
        Path status = Path.of("/proc/self/status");
        if (!Files.isReadable(status)) {
            return 0;
        }
        for (String line : Files.readAllLines(status)) {
            if (line.startsWith("VmHWM:")) {
                return Long.parseLong(line.replaceAll("[^0-9]", "")) << 10;
            }
        }
        return 0;
    }
}
