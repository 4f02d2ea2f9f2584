package io.espalier.jmh;

import io.espalier.columnar.Batch;
import io.espalier.columnar.ChainBuilder;
import io.espalier.columnar.Chunk;
import io.espalier.columnar.ChunkFamily;
import io.espalier.columnar.Excerpt;
import io.espalier.columnar.ImageSink;
import io.espalier.columnar.TrieBuilder;
import io.espalier.columnar.TrieType;
import io.espalier.columnar.TrieView;
import io.espalier.columnar.UpdateBuffer;
import io.espalier.memory.Lease;
import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.CodecPolicy;
import io.espalier.pager.Pager;
import io.espalier.pager.PagerOptions;
import io.espalier.pager.SpillStats;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;

/**
 * The memory and the pagers of a measurement: one that keeps results resident, one for the inputs.
 * Paged inputs have a budget and windows of nothing, so that no body outlives the visit to it and
 * every run is as cold as the first, and no threads that write or read ahead, so that all work is
 * in what is timed. Freed memory stays touched, for results and floors alike.
 */
final class Fixture implements AutoCloseable {

    private static final long WARM_BYTES = 4L << 30;

    private final NativeMemory memory;
    private final Pager results;
    private final Pager inputs;
    private final Path spill;

    private final long targetBytes;

    /** With chunks of the default size. */
    Fixture(Where where) throws IOException {
        this(where, ChainBuilder.TARGET_BYTES_DEFAULT);
    }

    /**
     * @param targetBytes the size from which a chunk is sealed
     */
    Fixture(Where where, long targetBytes) throws IOException {
        this.targetBytes = targetBytes;
        spill = Files.createTempDirectory("espalier-bench");
        memory = NativeMemory.open(NativeMemory.Options.defaults().withWarmBytes(WARM_BYTES));
        PagerOptions options =
                PagerOptions.in(spill)
                        .withCodecPolicy(CodecPolicy.always(where.codec()))
                        // what is paged is so at once, and stays so until it is pinned
                        .withWriters(0, 1)
                        .withPrefetchBytes(0)
                        .withWindows(0, 0);
        results = Pager.open(memory, MemoryBudget.unlimited(), options);
        inputs =
                where == Where.RESIDENT
                        ? results
                        : Pager.open(memory, new MemoryBudget(0), options);
    }

    NativeMemory memory() {
        return memory;
    }

    /**
     * Checks that paged inputs are: that the engine neither holds one of their bodies, decoded or
     * not, nor has one mapped.
     *
     * @throws IllegalStateException if not; the measurement would be of something else
     */
    void checkInputs() {
        if (inputs == results) {
            return;
        }
        SpillStats stats = inputs.stats();
        SpillStats.Images images = stats.images();
        long mappedBytes = stats.mapped().pageBytes();
        if (images.pagedCount() != images.count()
                || images.residentBytes() != 0
                || images.pinsOpen() != 0
                || stats.prefetch().heldBytes() != 0
                || mappedBytes != 0) {
            throw new IllegalStateException(
                    images + " and " + mappedBytes + " mapped bytes, expected all of it paged out");
        }
    }

    /**
     * What all inputs take where they stand: allocated memory, as charged to the budget, or bytes
     * in the spill file.
     */
    long inputBytes() {
        SpillStats.Images images = inputs.stats().images();
        return images.residentBytes() + images.pagedStoredBytes();
    }

    /** A chain for inputs, where the fixture wants them. */
    Staging inputs(TrieType type) {
        return new Staging(inputs, type, targetBytes);
    }

    /** A chain for results, which are resident. */
    Staging results(TrieType type) {
        return new Staging(results, type, targetBytes);
    }

    /** What bulk reads are made into and dropped again. */
    Excerpt excerpt(TrieType type) {
        return new Excerpt(memory, type, targetBytes);
    }

    /** The family of flat rows, with inputs and results alike where the inputs are. */
    ChunkFamily flat(TrieType type) {
        return ChunkFamily.flat(inputs, type, targetBytes);
    }

    /** Forms what {@code stage} adds into an input. */
    Staging form(TrieType type, Consumer<UpdateBuffer> stage) {
        Staging staging = inputs(type);
        try (UpdateBuffer buffer = new UpdateBuffer(memory, type)) {
            stage.accept(buffer);
            buffer.formInto(staging.out());
            staging.finish();
        }
        return staging;
    }

    @Override
    public void close() throws IOException {
        if (inputs != results) {
            inputs.close();
        }
        results.close();
        memory.close();
        // spill files have no names once they are open
        Files.delete(spill);
    }

    /** A builder that is used again and again, and the batch that it fills. */
    static final class Staging implements AutoCloseable, ImageSink {

        private final Pager pager;
        private final ChainBuilder out;
        private Batch batch;
        private ImageSink sink;

        private Staging(Pager pager, TrieType type, long targetBytes) {
            this.pager = pager;
            batch = new Batch(type);
            sink = batch.sink(pager, 0);
            out = new ChainBuilder(new TrieBuilder(pager.memory(), type), targetBytes, this);
        }

        @Override
        public void accept(Lease image, TrieView view) {
            sink.accept(image, view);
        }

        @Override
        public boolean offer(Chunk chunk) {
            return sink.offer(chunk);
        }

        ChainBuilder out() {
            return out;
        }

        Batch batch() {
            return batch;
        }

        /** Seals the last chunk. */
        void finish() {
            out.finish();
        }

        /** Lets the content go. */
        void clear() {
            batch.close();
            batch = new Batch(batch.type());
            sink = batch.sink(pager, 0);
        }

        @Override
        public void close() {
            out.close();
            batch.close();
        }
    }
}
