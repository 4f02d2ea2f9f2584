package io.espalier.pager;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.memory.Lease;
import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Queue;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A pager over memory in debug mode (free slots are poisoned). Closing it checks what every test
 * promises: no lease is out, the budget is credited in full, and no file is left behind.
 */
final class Fixture implements AutoCloseable {

    static final long KIB = 1L << 10;
    static final long MIB = 1L << 20;

    final Path directory;
    final NativeMemory memory;
    final MemoryBudget budget;
    final Pager pager;

    /** What failed on threads of the pager, and was no failure of the disk. */
    private final Queue<SpillException> broken = new ConcurrentLinkedQueue<>();

    Fixture(long budgetBytes) {
        this(budgetBytes, options -> options);
    }

    Fixture(long budgetBytes, UnaryOperator<PagerOptions> change) {
        this(budgetBytes, change, ChannelSpillFile::open);
    }

    Fixture(long budgetBytes, UnaryOperator<PagerOptions> change, SpillSegment.Opener opener) {
        this(budgetBytes, change, opener, null);
    }

    /** With writers that run when the test says so, if there are any. */
    Fixture(
            long budgetBytes,
            UnaryOperator<PagerOptions> change,
            SpillSegment.Opener opener,
            @Nullable Executor writers) {
        try {
            directory = Files.createTempDirectory("espalier-pager-test");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        memory = NativeMemory.open(NativeMemory.Options.defaults().withDebug(true));
        budget = new MemoryBudget(budgetBytes);
        PagerOptions options =
                PagerOptions.in(directory)
                        .withSegmentBytes(MIB)
                        .withSlackBytes(64 * KIB)
                        .withWindows(0, 128 * KIB)
                        // on the test's own thread, unless it asks for others
                        .withWriters(0, 64)
                        .withFreeBytesMax(256 * KIB)
                        .withCodecPolicy(CodecPolicy.always(Codec.NONE));
        PagerOptions changed = change.apply(options);
        Consumer<SpillException> listener = changed.onSpillFailure();
        changed =
                changed.withOnSpillFailure(failure -> {
                    if (!(rootOf(failure) instanceof IOException)) {
                        broken.add(failure);
                    }
                    listener.accept(failure);
                });
        pager =
                writers == null
                        ? Pager.open(memory, budget, changed, opener)
                        : Pager.open(memory, budget, changed, opener, writers);
    }

    private static Throwable rootOf(Throwable e) {
        Throwable cause = e.getCause();
        return cause == null ? e : rootOf(cause);
    }

    /** Adopts bytes that follow from the seed: half of them random, half of them repeated. */
    Image adopt(long sizeBytes, long seed, int depth) {
        Lease lease = memory.allocate(sizeBytes);
        fill(memory.segment(), lease.offset(), sizeBytes, seed);
        boolean done = false;
        try {
            Image image = pager.adopt(lease, depth);
            done = true;
            return image;
        } finally {
            if (!done) {
                lease.close();
            }
        }
    }

    Image adopt(long sizeBytes, long seed) {
        return adopt(sizeBytes, seed, 0);
    }

    static void fill(MemorySegment segment, long offset, long sizeBytes, long seed) {
        MemorySegment.copy(
                bytes(sizeBytes, seed),
                0,
                segment,
                ValueLayout.JAVA_BYTE,
                offset,
                Math.toIntExact(sizeBytes));
    }

    static byte[] bytes(long sizeBytes, long seed) {
        byte[] bytes = new byte[Math.toIntExact(sizeBytes)];
        SplittableRandom random = new SplittableRandom(seed);
        for (int i = 0; i < bytes.length; ) {
            int run = Math.min(bytes.length - i, 1 + random.nextInt(64));
            if (random.nextBoolean()) {
                byte value = (byte) random.nextInt();
                for (int end = i + run; i < end; i++) {
                    bytes[i] = value;
                }
            } else {
                for (int end = i + run; i < end; i++) {
                    bytes[i] = (byte) random.nextInt();
                }
            }
        }
        return bytes;
    }

    /** Pins an image and checks every byte of it. */
    void assertHolds(Image image, long seed) {
        try (Pin pin = image.pin()) {
            assertHolds(pin, seed);
        }
    }

    /** Reads a paged image into memory of its own and checks every byte. */
    void assertReads(Image image, long seed) {
        try (Lease target = memory.allocate(image.sizeBytes())) {
            assertTrue(image.readInto(target));
            byte[] found =
                    memory.segment()
                            .asSlice(target.offset(), image.sizeBytes())
                            .toArray(ValueLayout.JAVA_BYTE);
            assertArrayEquals(bytes(image.sizeBytes(), seed), found);
        }
    }

    void assertHolds(Pin pin, long seed) {
        byte[] found =
                memory.segment()
                        .asSlice(pin.offset(), pin.sizeBytes())
                        .toArray(ValueLayout.JAVA_BYTE);
        assertArrayEquals(bytes(pin.sizeBytes(), seed), found);
    }

    /** The message of an error says this. */
    static void assertSays(Throwable e, String part) {
        assertTrue(String.valueOf(e.getMessage()).contains(part), () -> e + " lacks: " + part);
    }

    List<Path> filesLeft() {
        try (Stream<Path> files = Files.list(directory)) {
            return files.toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        SpillException failure = broken.poll();
        if (failure != null) {
            throw new AssertionError("a thread of the pager failed", failure);
        }
        pager.close();
        assertEquals(0, budget.usedBytes(), "budget in use after everything is closed");
        memory.close();
        removeFolder();
    }

    /** Of a fixture that does not close by itself. */
    void removeFolder() {
        assertEquals(List.of(), filesLeft(), "files left behind");
        try {
            Files.delete(directory);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
