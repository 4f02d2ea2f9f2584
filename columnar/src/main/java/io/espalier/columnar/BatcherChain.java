package io.espalier.columnar;

import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;

/**
 * The one chain that a {@link MergeBatcher} builds at a time, with its room kept from one to the
 * next: a {@link ChainBuilder} whose sink is changed in between.
 *
 * <p>Single-threaded. The owner closes it.
 */
final class BatcherChain implements AutoCloseable {

    private final NativeMemory memory;
    private final TrieType type;
    private final long targetBytes;
    private final ImageSink forwarding =
            new ImageSink() {
                @Override
                public void accept(Lease image, TrieView view) {
                    sink.accept(image, view);
                }

                @Override
                public boolean offer(Chunk chunk) {
                    return sink.offer(chunk);
                }
            };

    private ImageSink sink = forwarding;
    private ChainBuilder builder;

    BatcherChain(NativeMemory memory, TrieType type, long targetBytes) {
        this.memory = memory;
        this.type = type;
        this.targetBytes = targetBytes;
        this.builder = another(forwarding);
    }

    /** Starts a chain; the one before is finished, or dropped. */
    ChainBuilder start(ImageSink target) {
        sink = target;
        return builder;
    }

    /** A builder of chains of the same kind; the caller's to close. */
    ChainBuilder another(ImageSink target) {
        return new ChainBuilder(new TrieBuilder(memory, type), targetBytes, target);
    }

    NativeMemory memory() {
        return memory;
    }

    TrieType type() {
        return type;
    }

    long targetBytes() {
        return targetBytes;
    }

    /** How many bytes of memory may back its room. */
    long heldBytes() {
        return builder.heldBytes();
    }

    /** Drops what is not finished. */
    void drop() {
        builder.close();
        builder = another(forwarding);
    }

    @Override
    public void close() {
        builder.close();
    }
}
