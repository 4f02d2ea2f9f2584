package io.espalier.session.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.espalier.session.Store;
import io.espalier.session.StoreException;
import io.espalier.session.StoreOptions;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Real stores in trouble: each an exit code and one line, and the store as it was. */
class FaultsTest {

    private static final List<String> READING = List.of("scan", "changes", "stats", "verify");

    @TempDir Path folder;

    private Path store;

    @BeforeEach
    void name() {
        store = folder.resolve("store");
    }

    private Child.Result run(String... arguments) {
        return run(new ByteArrayInputStream(new byte[0]), arguments);
    }

    /** In this process, over the engine. */
    private Child.Result run(InputStream input, String... arguments) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        int code = Main.run(arguments, input, out, err);
        return new Child.Result(code, out.toString(UTF_8), err.toString(UTF_8));
    }

    private Child.Result upsert(String rows, String... more) {
        String[] arguments = {"upsert", "--store", store.toString(), "--quiet"};
        String[] all = Arrays.copyOf(arguments, arguments.length + more.length);
        System.arraycopy(more, 0, all, arguments.length, more.length);
        return run(new ByteArrayInputStream(rows.getBytes(UTF_8)), all);
    }

    private Child.Result on(String command, String... more) {
        String[] arguments = {command, "--store", store.toString()};
        String[] all = Arrays.copyOf(arguments, arguments.length + more.length);
        System.arraycopy(more, 0, all, arguments.length, more.length);
        return run(all);
    }

    private String scan() {
        return on("scan").done().out();
    }

    @Test
    void anAbsentStoreIsNotMadeByLooking() {
        // fails if looking at nothing is no error, or leaves something behind
        for (String command : READING) {
            on(command).said(ExitCode.WRONG_INPUT, "there is no store here");
        }
        on("get", "k").said(ExitCode.WRONG_INPUT, "there is no store here");
        on("compact").said(ExitCode.WRONG_INPUT, "there is no store here");
        assertFalse(Files.exists(store));
    }

    @Test
    void whatIsNotAStoreIsNotTouched() throws IOException {
        // fails if files of others are taken for a store, or anything is added to them
        Files.createDirectory(store);
        Files.writeString(store.resolve("photo.jpg"), "not ours");
        for (String command : READING) {
            on(command).said(ExitCode.WRONG_INPUT, "not a store", "photo.jpg");
        }
        on("compact").said(ExitCode.WRONG_INPUT, "not a store");
        upsert("a\t1\n").said(ExitCode.WRONG_INPUT, "not a store");
        try (Stream<Path> files = Files.list(store)) {
            assertEquals(List.of(store.resolve("photo.jpg")), files.toList());
        }
        Path file = Files.writeString(folder.resolve("file"), "x");
        run("scan", "--store", file.toString()).said(ExitCode.WRONG_INPUT, "file");
        run(new ByteArrayInputStream(new byte[0]), "upsert", "--store", file.toString())
                .said(ExitCode.WRONG_INPUT, "file");
    }

    @Test
    void aStoreOfALaterVersionIsRefused() throws IOException {
        // fails if an unknown format is called damage, or is written to
        upsert("a\t1\n").done();
        Path file = store.resolve("STORE");
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        byte[] original = bytes.array().clone();
        bytes.putInt(8, 3);
        CRC32C checksum = new CRC32C();
        checksum.update(bytes.array(), 0, 60);
        bytes.putInt(60, (int) checksum.getValue());
        Files.write(file, bytes.array());
        for (String command : READING) {
            on(command).said(ExitCode.WRONG_INPUT, "format version 3", "versions up to 2");
        }
        upsert("a\t2\n").said(ExitCode.WRONG_INPUT, "format version 3");
        assertArrayEquals(bytes.array(), Files.readAllBytes(file));
        Files.write(file, original);
        assertEquals("a\t1\n", scan());
    }

    @Test
    void aStoreThatAnotherProcessWritesIsLocked() throws Exception {
        // fails if two processes write one store, or the holder is not named
        upsert("a\t1\n").done();
        Path endless = folder.resolve("endless");
        assumeTrue(execute("mkfifo", endless.toString()) == 0, "mkfifo is not there");
        Child child =
                Child.start(folder, "upsert", "--store", store.toString(), endless.toString());
        try (OutputStream feed = Files.newOutputStream(endless)) {
            feed.write("b\t2\n".getBytes(UTF_8));
            feed.flush();
            // asking for the lock before the child has it would keep the child out
            String pid = Long.toString(child.process.pid());
            while (child.process.isAlive()
                    && !Files.readString(store.resolve("LOCK")).contains(pid)) {
                Thread.sleep(10);
            }
            String holder = "process " + child.process.pid();
            upsert("a\t1\n").said(ExitCode.ENVIRONMENT, "in use by " + holder, "close it there");
            on("scan").said(ExitCode.ENVIRONMENT, holder);
            on("verify").said(ExitCode.ENVIRONMENT, holder);
        }
        child.await().done();
        assertEquals("a\t1\nb\t2\n", scan());
    }

    @Test
    void aReaderKeepsWritersOutAndOtherReadersIn() {
        // fails if the lock of a reader is not shared, or not there
        upsert("a\t1\n").done();
        try (Store reader = Store.open(store, StoreOptions.defaults().withReadOnly(true))) {
            assertEquals("a\t1\n", scan());
            on("verify").done();
            upsert("b\t2\n").said(ExitCode.ENVIRONMENT, "in use");
            assertEquals(1, reader.epoch());
        }
        upsert("b\t2\n").done();
    }

    @Test
    void aReadOnlyFolderCanBeReadAndNotWritten() throws Exception {
        // fails if reading wants to write, or writing fails with more than a line
        upsert("a\t1\n").done();
        assumeTrue(execute("mount", "--bind", store.toString(), store.toString()) == 0);
        try {
            assumeTrue(execute("mount", "-o", "remount,bind,ro", store.toString()) == 0);
            assertEquals("a\t1\n", scan());
            on("verify").done();
            upsert("b\t2\n").said(ExitCode.ENVIRONMENT, store.toString(), "permi");
            on("compact").said(ExitCode.ENVIRONMENT, store.toString());
        } finally {
            execute("umount", "-l", store.toString());
        }
        upsert("b\t2\n").done();
        assertEquals("a\t1\nb\t2\n", scan());
    }

    @Test
    void aFullDiskEndsTheRunAndNothingElse() throws Exception {
        // fails if a full disk loses a durable epoch, shows half of one, or stays in the way
        Path mount = Files.createDirectory(folder.resolve("small"));
        assumeTrue(
                execute("mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", mount.toString()) == 0);
        try {
            store = mount.resolve("store");
            StringBuilder rows = new StringBuilder();
            Random random = new Random(3);
            for (int i = 0; i < 10_000; i++) {
                rows.append("key").append(10_000 + i).append('\t');
                for (int j = 0; j < 60; j++) {
                    rows.append(Long.toHexString(random.nextLong()));
                }
                rows.append('\n');
            }
            String input = rows.toString();
            Child.Result full =
                    upsert(input, "--epoch-every", "500", "--report-epochs", "--budget", "1MiB");
            full.said(
                    ExitCode.ENVIRONMENT,
                    "lines 1 to ",
                    "are durable (epoch ",
                    "nothing after them is applied");
            assertTrue(full.err().contains("full") || full.err().contains("No space"), full.err());
            long lines = full.out().lines().count() * 500;
            assertTrue(lines > 0);
            on("verify").done();
            String durable = input.lines().limit(lines).reduce("", (a, b) -> a + b + "\n");
            assertEquals(durable, scan());
            assertEquals(0, execute("mount", "-o", "remount,size=200m", mount.toString()));
            upsert(input, "--epoch-every", "500", "--budget", "1MiB").done();
            assertEquals(input, scan());
            on("verify").done();
        } finally {
            execute("umount", "-l", mount.toString());
        }
    }

    @Test
    void anEpochThatDoesNotFitOnDiskMayShrinkAndGoOn() throws Exception {
        // fails if a store that could not commit is of no use until it is opened again
        Path mount = Files.createDirectory(folder.resolve("small"));
        assumeTrue(
                execute("mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", mount.toString()) == 0);
        try {
            store = mount.resolve("store");
            byte[] value = new byte[1 << 20];
            new Random(4).nextBytes(value);
            try (Store opened = Store.open(store, StoreOptions.defaults().withCreate(true))) {
                opened.table().put(bytes("first"), bytes("1"));
                assertEquals(1, opened.commit());
                for (int i = 0; i < 6; i++) {
                    opened.table().put(bytes("large" + i), value);
                }
                assertFails(opened);
                opened.table().put(bytes("more"), bytes("2"));
                assertFails(opened);
                assertEquals(0, execute("mount", "-o", "remount,size=30m", mount.toString()));
                assertEquals(2, opened.commit());
                assertArrayEquals(value, opened.table().get(bytes("large5")));
                assertArrayEquals(bytes("2"), opened.table().get(bytes("more")));
                assertEquals(0, execute("mount", "-o", "remount,size=10m", mount.toString()));
                for (int i = 0; i < 6; i++) {
                    value[i] ^= 1;
                    opened.table().put(bytes("large" + i), value);
                }
                assertFails(opened);
                opened.rollback();
                opened.table().put(bytes("first"), bytes("3"));
                assertEquals(3, opened.commit());
            }
            on("verify").done();
            assertEquals("3\n", on("get", "first").done().out());
        } finally {
            execute("umount", "-l", mount.toString());
        }
    }

    private static void assertFails(Store store) {
        assertThrows(StoreException.DiskFull.class, store::commit);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(UTF_8);
    }

    @Test
    void anInputThatCannotBeReadIsNamed() throws IOException {
        // fails if the message does not say which file, and what to do
        Path input = folder.resolve("input.tsv");
        run("upsert", "--store", store.toString(), input.toString())
                .said(ExitCode.WRONG_INPUT, input.toString(), "does not exist");
        run("upsert", "--store", store.toString(), folder.toString())
                .said(ExitCode.WRONG_INPUT, folder.toString(), "is a directory");
        Files.write(input, new byte[] {'a', '\t', '1', '\n', (byte) 0xFF, '\t', '\n'});
        run("upsert", "--store", store.toString(), input.toString())
                .said(ExitCode.WRONG_INPUT, input + ":2:1:", "not UTF-8", "nothing of this input");
        assertEquals("", scan());
    }

    @Test
    void whatIsDamagedIsNamedAndTheRestIsRead() throws IOException {
        // fails if damage of one chunk spoils another, or is not named by file and offset
        StringBuilder rows = new StringBuilder();
        Random random = new Random(5);
        for (int i = 0; i < 8000; i++) {
            rows.append("key").append(10_000 + i).append('\t');
            for (int j = 0; j < 50; j++) {
                rows.append(Long.toHexString(random.nextLong()));
            }
            rows.append('\n');
        }
        upsert(rows.toString()).done();
        Path file = onlyBatch();
        byte[] bytes = Files.readAllBytes(file);
        assertTrue(bytes.length > 6 << 20);
        bytes[bytes.length / 2] ^= 0x10;
        Files.write(file, bytes);
        on("get", "key10000").done();
        on("get", "key17999").done();
        Child.Result damaged = on("get", "key14000");
        damaged.said(ExitCode.NO, file.toString(), "offset ");
        Child.Result scanned = on("scan");
        scanned.said(ExitCode.NO, file.toString(), "offset ");
        assertTrue(rows.toString().startsWith(scanned.out()), "what was read is right");
        assertTrue(scanned.out().length() > 500_000);
        on("verify").said(ExitCode.NO, "is damaged: 1 problem");
        assertTrue(on("verify").out().startsWith(file + ": offset "), on("verify").out());
        // what touches the damage cannot be committed, and what does not, can
        upsert("key14000\tnew\n").said(ExitCode.NO, file.toString(), "nothing of this input");
        upsert("key10000\tnew\n").done();
        assertEquals("new\n", on("get", "key10000").done().out());
    }

    private Path onlyBatch() throws IOException {
        try (Stream<Path> files = Files.list(store.resolve("batches"))) {
            return files.toList().getFirst();
        }
    }

    @Test
    void aShortenedOrMissingFileIsNamed() throws IOException {
        // fails if a file that is cut ends the process, or is not named
        upsert("a\t1\n").done();
        Path file = onlyBatch();
        byte[] bytes = Files.readAllBytes(file);
        Files.write(file, Arrays.copyOf(bytes, bytes.length - 1));
        on("get", "a").said(ExitCode.NO, file.toString());
        on("verify").said(ExitCode.NO, "is damaged");
        Files.delete(file);
        on("get", "a").said(ExitCode.NO, file.toString(), "missing");
        on("verify").said(ExitCode.NO, "is damaged");
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void everyByteOfAClosedStoreIsChecked(int seed) throws IOException {
        // fails if a flipped byte anywhere goes unnoticed, or is noticed elsewhere (sampled)
        for (int epoch = 0; epoch < 3; epoch++) {
            upsert("a\t" + epoch + "\nb" + epoch + "\tx\nc\t" + "v".repeat(3000) + epoch + "\n")
                    .done();
        }
        Random random = new Random(seed);
        List<Path> files;
        try (Stream<Path> all = Files.walk(store)) {
            files =
                    all.filter(path -> path.toFile().length() > 0 && Files.isRegularFile(path))
                            .sorted()
                            .toList();
        }
        assertTrue(files.size() >= 3, files.toString());
        for (Path file : files) {
            byte[] bytes = Files.readAllBytes(file);
            for (int i = 0; i < 12; i++) {
                int at = random.nextInt(bytes.length);
                byte[] flipped = bytes.clone();
                flipped[at] ^= (byte) (1 << random.nextInt(8));
                Files.write(file, flipped);
                Child.Result result = on("verify");
                result.said(ExitCode.NO, "is damaged");
                assertTrue(
                        result.out().contains(file + ": offset "),
                        file + " at " + at + ": " + result.out());
            }
            Files.write(file, bytes);
        }
        on("verify").done();
    }

    private static int execute(String... command) throws IOException {
        try {
            Process process =
                    new ProcessBuilder(command)
                            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                            .redirectError(ProcessBuilder.Redirect.DISCARD)
                            .start();
            return process.waitFor();
        } catch (IOException e) {
            return -1;
        } catch (InterruptedException e) {
            throw new IOException(e);
        }
    }
}
