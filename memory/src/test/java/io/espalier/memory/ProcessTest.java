package io.espalier.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongUnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What only a process of its own can show: crashes, flags, limits. */
final class ProcessTest {

    private static final String NATIVE_ACCESS = "--enable-native-access=ALL-UNNAMED";

    @TempDir Path folder;

    private String run(Class<?> program, List<String> flags) throws Exception {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(
                List.of(
                        "-Djava.io.tmpdir=" + folder,
                        "-XX:-CreateCoredumpOnCrash",
                        "-XX:ErrorFile=" + folder.resolve("crash.log"),
                        "-Xmx256m",
                        "-ea"));
        command.addAll(flags);
        command.add("-cp");
        command.add(classes(NativeMemory.class) + ":" + classes(ProcessTest.class));
        command.add(program.getName());
        command.add(folder.toString());
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), output);
        return output;
    }

    private static Path classes(Class<?> type) throws Exception {
        return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI());
    }

    /** Fails if a file cut short under its mapping ends the process, in whatever kernel. */
    @Test
    void aFileCutShortUnderItsMappingIsAnErrorAndNotACrash() throws Exception {
        assumeTrue(SystemCalls.AVAILABLE);
        assertEquals("survived\n", run(CutShort.class, List.of(NATIVE_ACCESS)));
    }

    /** Reads mapped bytes by every kernel, compiled, after the file has lost them. */
    static final class CutShort {
        private static final long SIZE = 1 << 18;
        private static long sink;

        private record Kernel(String name, LongUnaryOperator read) {}

        public static void main(String[] arguments) throws Exception {
            try (NativeMemory memory = NativeMemory.open();
                    Lease other = memory.allocate(SIZE);
                    NativeBuffer buffer = new NativeBuffer(memory)) {
                var s = memory.segment();
                long b = other.offset();
                s.asSlice(b, SIZE).fill((byte) 0);
                List<Kernel> kernels =
                        List.of(
                                new Kernel("equal", a -> Bytes.equal(s, a, s, b, SIZE) ? 1 : 0),
                                new Kernel("compare", a -> Bytes.compare(s, a, SIZE, s, b, SIZE)),
                                new Kernel(
                                        "commonPrefix", a -> Bytes.commonPrefix(s, b, s, a, SIZE)),
                                new Kernel("hash", a -> Bytes.hash(s, a, SIZE)),
                                new Kernel("fastSum", a -> FastSum.of(s, a, SIZE)),
                                new Kernel("crc32c", a -> Checksums.crc32c(s, a, SIZE)),
                                new Kernel("allEqual", a -> Words.allEqual(s, a, SIZE / 8) ? 1 : 0),
                                new Kernel("gallop", a -> Words.gallop(s, a, 0, SIZE / 8, 1)),
                                new Kernel(
                                        "copyAdding",
                                        a -> {
                                            Words.copyAdding(s, a, s, b, SIZE / 4, 0);
                                            return 0;
                                        }),
                                new Kernel(
                                        "append",
                                        a -> {
                                            buffer.clear();
                                            buffer.append(s, a, SIZE);
                                            return 0;
                                        }));
                for (Kernel kernel : kernels) {
                    for (long left : new long[] {0, 4096, SIZE / 2, SIZE - 4096}) {
                        cutShort(Path.of(arguments[0]), memory, kernel, left);
                    }
                }
            }
            System.out.println(sink == 1 ? "unlikely" : "survived"); // the results are used
        }

        private static void cutShort(Path folder, NativeMemory memory, Kernel kernel, long left)
                throws Exception {
            Path file = Files.write(folder.resolve("cut"), new byte[(int) SIZE]);
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE);
                    Lease lease = memory.map(file, 0, SIZE)) {
                for (int i = 0; i < 1500; i++) {
                    sink += kernel.read().applyAsLong(lease.offset());
                }
                channel.truncate(left);
                boolean failed = false;
                try {
                    sink += kernel.read().applyAsLong(lease.offset());
                    Thread.sleep(1); // the error may come as late as the next such point
                } catch (InternalError expected) {
                    failed = true;
                }
                if (!failed) {
                    throw new AssertionError(kernel.name() + " read what is gone, left " + left);
                }
            }
        }
    }

    /** Fails if a memory without native calls leaves its file, or is not there at all. */
    @Test
    void withoutNativeCallsNoFileIsLeft() throws Exception {
        assertEquals(
                "native false\n", run(Fallback.class, List.of("-Despalier.memory.native=false")));
        assertEquals(
                "native false\n",
                run(Fallback.class, List.of("--illegal-native-access=deny")),
                "native access that is denied is to be done without");
        if (SystemCalls.AVAILABLE) {
            assertEquals("native true\n", run(Fallback.class, List.of(NATIVE_ACCESS)));
        }
    }

    /** Uses a memory in whatever way is there, and looks for files that it left. */
    static final class Fallback {
        public static void main(String[] arguments) throws Exception {
            Path folder = Path.of(arguments[0]);
            boolean isNative;
            try (NativeMemory memory = NativeMemory.open()) {
                isNative = memory.isNative();
                noFiles(folder);
                try (Lease lease = memory.allocate(10 << 20)) {
                    memory.segment().asSlice(lease.offset(), 10 << 20).fill((byte) 1);
                }
                Path file = Files.write(folder.resolve("some"), new byte[] {1, 2, 3});
                try (Lease lease = memory.map(file, 0, 3)) {
                    byte last = memory.segment().get(Layouts.BYTE, lease.offset() + 2);
                    assert last == 3 : last;
                }
                Files.delete(file);
            }
            noFiles(folder);
            System.out.println("native " + isNative);
        }

        private static void noFiles(Path folder) throws IOException {
            try (Stream<Path> files = Files.list(folder)) {
                if (files.findAny().isPresent()) {
                    throw new AssertionError("a file is left in " + folder);
                }
            }
        }
    }

    /** Fails if mapping goes on until the process cannot start a thread any more. */
    @Test
    void mappingStopsBeforeTheProcessRunsOutOfMappings() throws Exception {
        assumeTrue(SystemCalls.AVAILABLE);
        assertEquals("stopped in time\n", run(ManyMappings.class, List.of(NATIVE_ACCESS)));
    }

    /** Maps a page as often as it may, twice, and starts a thread at the limit. */
    static final class ManyMappings {
        public static void main(String[] arguments) throws Exception {
            Path file = Files.write(Path.of(arguments[0]).resolve("page"), new byte[4096]);
            int counts = 0;
            for (int round = 0; round < 2; round++) {
                try (NativeMemory memory = NativeMemory.open()) {
                    List<Lease> leases = new ArrayList<>();
                    try {
                        while (leases.size() < 1 << 20) {
                            leases.add(memory.map(file, 0, 4096));
                            memory.segment().set(Layouts.BYTE, leases.getLast().offset(), (byte) 1);
                        }
                    } catch (OutOfNativeMemoryException e) {
                        assert e.getMessage().contains("vm.max_map_count") : e;
                    }
                    assert leases.size() > 1000 : leases.size();
                    counts += round == 0 ? leases.size() : -leases.size();
                    assert leases.size() < 1 << 20;
                    Thread thread = new Thread(() -> leases.forEach(Lease::close));
                    thread.start();
                    thread.join();
                    assert memory.stats().leases() == 0;
                }
            }
            assert counts == 0 : "closing is to free the mappings";
            System.out.println("stopped in time");
        }
    }

    /** Fails if a mapping that the system refuses to clear makes close() fail, or is forgotten. */
    @Test
    void aMappingThatCannotBeClearedIsClearedLater() throws Exception {
        assumeTrue(SystemCalls.AVAILABLE);
        assertEquals(
                "cleared later\n",
                run(
                        Refused.class,
                        List.of(
                                NATIVE_ACCESS,
                                "-Xint",
                                "-XX:+UseSerialGC",
                                "-XX:+AlwaysPreTouch")));
    }

    /** Closes a mapped lease while the system grants no address space. */
    @SuppressWarnings("restricted") // setrlimit, to make the system refuse
    static final class Refused {
        private static final int RLIMIT_AS = 9;
        private static final MethodHandle SETRLIMIT =
                Linker.nativeLinker()
                        .downcallHandle(
                                Linker.nativeLinker().defaultLookup().findOrThrow("setrlimit"),
                                FunctionDescriptor.of(
                                        ValueLayout.JAVA_INT,
                                        ValueLayout.JAVA_INT,
                                        ValueLayout.ADDRESS));

        public static void main(String[] arguments) throws Throwable {
            Path file = Files.write(Path.of(arguments[0]).resolve("refused"), new byte[9000]);
            try (NativeMemory memory = NativeMemory.open();
                    Arena arena = Arena.ofConfined()) {
                MemorySegment limit = arena.allocate(16);
                MemorySegment none = arena.allocate(16);
                none.fill((byte) -1);
                limit.set(ValueLayout.JAVA_LONG, 0, 1L << 30);
                limit.set(ValueLayout.JAVA_LONG, 8, -1);
                memory.map(file, 0, 9000).close(); // everything is loaded now
                int ok = (int) SETRLIMIT.invokeExact(RLIMIT_AS, none);
                Lease lease = memory.map(file, 0, 9000);
                long offset = lease.offset();
                ok |= (int) SETRLIMIT.invokeExact(RLIMIT_AS, limit);
                lease.close();
                ok |= (int) SETRLIMIT.invokeExact(RLIMIT_AS, none);
                assert ok == 0;
                assert memory.stats().leases() == 0 && memory.stats().mappedBytes() == 0;
                assert mapped() : "the system did not refuse, so nothing is tested";
                try (Lease other = memory.allocate(9000)) {
                    assert other.offset() != offset : "the slot is still a file";
                }
                memory.map(file, 0, 9000).close();
                assert !mapped() : "the file is to be let go";
                try (Lease other = memory.map(file, 0, 9000);
                        Lease another = memory.map(file, 0, 9000)) {
                    assert other.offset() == offset || another.offset() == offset;
                }
            }
            System.out.println("cleared later");
        }

        private static boolean mapped() throws IOException {
            return Files.readString(Path.of("/proc/self/maps")).contains("refused");
        }
    }
}
