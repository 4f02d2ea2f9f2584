package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.columnar.ChainBuilder;
import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.pager.PagerOptions;
import io.espalier.spine.trace.ExternalCompaction.Answer;
import io.espalier.spine.trace.StoreDirectory.Mode;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The real thing: another process compacts the files of a store that is open here. */
class ExternalProcessTest {

    private static final int EPOCHS = 9;
    private static final int ROWS = 20_000;
    private static final long LEASE_MILLIS = 60_000;

    @TempDir Path folder = Path.of("");

    private long nowMillis = 1_000_000;

    /** Reads requests, a line of hexadecimal digits each, and prints results in the same form. */
    static final class Worker {
        private Worker() {}

        public static void main(String[] arguments) throws Exception {
            Path store = Path.of(arguments[0]);
            try (NativeMemory memory = NativeMemory.open();
                    Pager pager =
                            Pager.open(
                                    memory,
                                    MemoryBudget.unlimited(),
                                    PagerOptions.in(Path.of(arguments[1])));
                    BufferedReader in =
                            new BufferedReader(
                                    new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
                System.out.println("ready");
                for (String line = in.readLine(); line != null; line = in.readLine()) {
                    CompactionRequest request =
                            CompactionRequest.ofBytes(HexFormat.of().parseHex(line));
                    System.out.println("begun");
                    CompactionResult result = CompactionWorker.answer(store, request, pager);
                    System.out.println(HexFormat.of().formatHex(result.toBytes()));
                }
            }
        }
    }

    /** A worker's process, and its two ends. */
    private record Running(Process process, BufferedReader out, BufferedWriter in)
            implements AutoCloseable {

        static Running start(Path store, Path scratch) throws IOException {
            Process process =
                    new ProcessBuilder(
                                    Path.of(System.getProperty("java.home"), "bin", "java")
                                            .toString(),
                                    "-XX:TieredStopAtLevel=1",
                                    "--enable-native-access=ALL-UNNAMED",
                                    "-cp",
                                    System.getProperty("java.class.path"),
                                    Worker.class.getName(),
                                    store.toString(),
                                    scratch.toString())
                            .redirectError(ProcessBuilder.Redirect.INHERIT)
                            .start();
            Running running =
                    new Running(
                            process,
                            new BufferedReader(
                                    new InputStreamReader(
                                            process.getInputStream(), StandardCharsets.UTF_8)),
                            new BufferedWriter(
                                    new OutputStreamWriter(
                                            process.getOutputStream(), StandardCharsets.UTF_8)));
            assertEquals("ready", running.out.readLine());
            return running;
        }

        void ask(CompactionRequest request) throws IOException {
            in.write(HexFormat.of().formatHex(request.toBytes()));
            in.newLine();
            in.flush();
            assertEquals("begun", out.readLine());
        }

        CompactionResult result() throws Exception {
            return CompactionResult.ofBytes(HexFormat.of().parseHex(out.readLine()));
        }

        @Override
        public void close() throws IOException {
            process.toHandle().destroyForcibly();
            try {
                process.waitFor();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            out.close();
        }
    }

    private static void commit(NativeMemory memory, TraceStore store) {
        long epoch = store.upper();
        try (Commit commit = store.begin()) {
            ChainBuilder out = commit.writer(store.findOrCreate("a"));
            for (int i = 0; i < ROWS; i++) {
                String key = String.format(Locale.ROOT, "%07d-%05d", i, epoch);
                Rows.append(memory, out, key, "v" + epoch, epoch, 1);
            }
            commit.commit(epoch);
        }
    }

    private List<String> left(Path store) throws IOException {
        try (Stream<Path> files = Files.list(store.resolve("compactions"))) {
            return files.map(path -> path.getFileName().toString()).sorted().toList();
        }
    }

    @Test
    void anotherProcessCompactsWhileItIsAliveAndCostsNothingWhenItIsNot() throws Exception {
        // fails if a store needs its lock for reading batch files, believes a dead worker, keeps
        // what it left, or applies an answer twice
        Path path = folder.resolve("store");
        TraceStoreOptions options =
                TraceStoreOptions.defaults()
                        .withCompaction(false)
                        .withChunkBytes(1 << 16)
                        .withCompactionLeaseMillis(LEASE_MILLIS);
        try (NativeMemory memory = NativeMemory.open();
                Pager pager =
                        Pager.open(
                                memory,
                                MemoryBudget.unlimited(),
                                PagerOptions.in(Files.createDirectory(folder.resolve("own"))));
                TraceStore store =
                        TraceStore.open(
                                new io.espalier.spine.disk.FolderDisk(path),
                                Mode.CREATE,
                                pager,
                                options,
                                StoreDirectory.Options.defaults(),
                                () -> nowMillis)) {
            for (int i = 0; i < EPOCHS; i++) {
                commit(memory, store);
            }
            Path scratch = Files.createDirectory(folder.resolve("scratch"));
            Trace trace = store.find("a").orElseThrow();
            CompactionRequest killed = killHalfWay(store, path, scratch);
            assertEquals(EPOCHS, trace.runCount());
            nowMillis += LEASE_MILLIS;
            try (Running worker = Running.start(path, scratch)) {
                ExternalCompaction external = store.externalCompaction();
                int answered = 0;
                for (CompactionRequest request = external.next().orElse(null);
                        request != null;
                        request = external.next().orElse(null)) {
                    assertTrue(request.fileId() != killed.fileId());
                    worker.ask(request);
                    CompactionResult result = worker.result();
                    // the same request again: the second output is not needed
                    worker.ask(request);
                    CompactionResult twice = worker.result();
                    assertEquals(Answer.APPLIED, external.answer(result));
                    assertEquals(Answer.REPEATED, external.answer(twice));
                    answered++;
                    assertEquals(List.of(), left(path));
                }
                assertTrue(answered > 0);
            }
            assertTrue(trace.runCount() < EPOCHS, () -> trace.runCount() + " runs");
            assertEquals((long) EPOCHS * ROWS, Rows.scan(memory, trace));
            assertTrue(store.compactionStats().external().expired() > 0);
        }
        try (NativeMemory memory = NativeMemory.open();
                Pager pager =
                        Pager.open(memory, MemoryBudget.unlimited(), PagerOptions.in(folder))) {
            VerifyReport report = TraceStore.verify(path, pager, damage -> {});
            assertTrue(report.isWhole() && report.notes().isEmpty(), report::toString);
        }
    }

    /** Kills a worker when it has begun to write; what it was asked. */
    private CompactionRequest killHalfWay(TraceStore store, Path path, Path scratch)
            throws Exception {
        CompactionRequest request = store.externalCompaction().next().orElseThrow();
        try (Running worker = Running.start(path, scratch)) {
            worker.ask(request);
            while (left(path).size() < 2) {
                Thread.onSpinWait();
            }
        }
        assertEquals(2, left(path).size());
        return request;
    }
}
