package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.spine.disk.FolderDisk;
import io.espalier.spine.trace.StoreDirectory.Mode;
import io.espalier.spine.trace.StoreDirectory.Options;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The real thing: another process writes a store on the real disk, and is killed. */
class KilledProcessTest {

    private static final int KILLS = Integer.getInteger("espalier.kills", 6);
    private static final Options OPTIONS = new Options(2000, UUID::randomUUID);

    @TempDir Path folder = Path.of("");

    /** Commits 0, 1, 2 and so on, saying so each time, until it is killed. */
    static final class Writer {
        private Writer() {}

        public static void main(String[] arguments) {
            Ledger ledger = new Ledger();
            FolderDisk disk = new FolderDisk(Path.of(arguments[0]));
            StoreDirectory store = StoreDirectory.open(disk, Mode.OPEN_OR_CREATE, ledger, OPTIONS);
            System.out.println("open");
            while (true) {
                long number = ledger.numbers.size();
                try (NewBatchFile file = store.createBatchFile()) {
                    file.append(ByteBuffer.wrap(new byte[5000]));
                    file.finish();
                    long old = ledger.files.size() > 3 ? ledger.files.first() : -1;
                    store.append(List.of(Ledger.change(number, file.id(), old)));
                    if (old >= 0) {
                        store.deleteBatchFile(old);
                    }
                }
                System.out.println(number);
            }
        }
    }

    private static Process start(Path store) throws IOException {
        return new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:TieredStopAtLevel=1",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Writer.class.getName(),
                        store.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    @Test
    void aKilledWriterLosesNothingThatItHadReported() throws Exception {
        // fails if killing a process at some moment loses or invents a commit, or keeps the lock
        Path store = folder.resolve("store");
        Random random = new Random(99);
        long reported = -1;
        for (int kill = 0; kill < KILLS; kill++) {
            Process process = start(store);
            List<String> lines = new ArrayList<>();
            try (BufferedReader out =
                    new BufferedReader(
                            new InputStreamReader(
                                    process.getInputStream(), StandardCharsets.UTF_8))) {
                assertEquals("open", out.readLine());
                StoreException.Locked e =
                        assertThrows(StoreException.Locked.class, () -> open(store, Mode.OPEN));
                assertEquals("process " + process.pid(), e.holder());
                for (int i = random.nextInt(40); i >= 0; i--) {
                    lines.add(out.readLine());
                }
                Thread.sleep(0, random.nextInt(1_000_000));
                // by its handle: the process itself would close the pipe too
                process.toHandle().destroyForcibly();
                for (String line = out.readLine(); line != null; line = out.readLine()) {
                    lines.add(line);
                }
            }
            process.waitFor();
            reported = lastWhole(lines);
            Ledger ledger = new Ledger();
            VerifyReport report = StoreDirectory.verify(new FolderDisk(store), ledger);
            assertTrue(report.isWhole(), report.toString());
            long found = ledger.numbers.size();
            assertTrue(found >= reported + 1, "reported " + reported + ", found " + found);
            assertEquals(LongStream.range(0, found).boxed().toList(), ledger.numbers);
            for (long id : ledger.files) {
                assertEquals(5000, Files.size(store.resolve(Names.batch(id))));
            }
        }
        open(store, Mode.OPEN).close();
        assertEquals("", Files.readString(store.resolve("LOCK")));
    }

    private static long lastWhole(List<String> lines) {
        // the last line may be cut short
        return Long.parseLong(lines.get(Math.max(0, lines.size() - 2)));
    }

    private static StoreDirectory open(Path store, Mode mode) {
        return StoreDirectory.open(new FolderDisk(store), mode, new Ledger(), OPTIONS);
    }
}
