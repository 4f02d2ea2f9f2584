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
    private long given;
    private long givenBytes;
    private long givenUpdates;

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

    /** The type of the chunks. */
    TrieType type() {
        return batch.type();
    }

    /** The size of all chunks, given out or not. */
    long sizeBytes() {
        return givenBytes + batch.sizeBytes();
    }

    /** How many updates all chunks have, given out or not. */
    long updateCount() {
        return givenUpdates + batch.updateCount();
    }

    /** Whether there is a chunk that was not given out. */
    boolean hasNext() {
        return given < batch.chunkCount();
    }

    /** Gives out the first chunk that was not; the caller's to close. */
    Chunk next() {
        Chunk chunk = batch.chunk(given).share();
        givenBytes += chunk.sizeBytes();
        givenUpdates += chunk.updateCount();
        batch.passed(given++);
        return chunk;
    }

    /** The chain, which is whole when nothing waits, without what was given out; the caller's. */
    Batch takeRest() {
        if (given == 0) {
            return batch;
        }
        Batch rest = new Batch(batch.type());
        while (hasNext()) {
            rest.add(next());
        }
        return rest;
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
