package io.espalier.columnar;

import io.espalier.memory.Lease;
import io.espalier.pager.Pager;
import java.util.ArrayDeque;

/**
 * A sink that never fails: an image that the pager does not take (the disk is full, and so is the
 * memory) waits here, and those after it in line. Whoever drives the work tries them again between
 * its steps, and stops there if that fails, to go on later; so no failure can fall into the middle
 * of a step, where updates would be lost or doubled.
 *
 * <p>Single-threaded. It owns its batch until that is taken out.
 */
final class DeferringSink implements ImageSink, AutoCloseable {

    private final Pager pager;
    private final int depth;
    private final Batch batch;
    private final ArrayDeque<Lease> waiting = new ArrayDeque<>();
    private final TrieView view = new TrieView();

    DeferringSink(Pager pager, TrieType type, int depth) {
        this.pager = pager;
        this.depth = depth;
        this.batch = new Batch(type);
    }

    @Override
    public void accept(Lease image, TrieView bound) {
        if (!waiting.isEmpty()) {
            waiting.add(image);
            return;
        }
        try {
            batch.add(Chunk.adopt(pager, image, bound, depth));
        } catch (RuntimeException e) {
            // thrown again, by the next attempt
            waiting.add(image);
        }
    }

    @Override
    public boolean offer(Chunk chunk) {
        if (!waiting.isEmpty()) {
            return false;
        }
        batch.add(chunk.share());
        return true;
    }

    /** Tries again to hand over what waits; throws if the pager still refuses. */
    void retry() {
        while (!waiting.isEmpty()) {
            Lease image = waiting.getFirst();
            view.bind(pager.memory(), image.offset());
            batch.add(Chunk.adopt(pager, image, view, depth));
            waiting.removeFirst();
        }
    }

    /** The chain so far, which is whole when nothing waits. */
    Batch batch() {
        return batch;
    }

    /** Drops everything. */
    @Override
    public void close() {
        while (!waiting.isEmpty()) {
            waiting.removeFirst().close();
        }
        batch.close();
    }
}
