package io.espalier.columnar;

import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;
import org.jspecify.annotations.Nullable;

/**
 * A sink that parts a chain by time: what lies before {@code upper} goes to one chain, the rest to
 * another. A chunk or image that lies on one side goes there as it is, which its time bounds tell
 * without opening it; a mixed image is split before any pager sees it.
 *
 * <p>Single-threaded. The owner closes it; the two chains are not its own.
 */
final class TimeSplit implements ImageSink, AutoCloseable {

    private final long upper;
    private final ChainBuilder before;
    private final ChainBuilder rest;
    private final Selection selection;
    private final Gather gather;
    private final TrieView half = new TrieView();

    TimeSplit(NativeMemory memory, long upper, ChainBuilder before, ChainBuilder rest) {
        this.upper = upper;
        this.before = before;
        this.rest = rest;
        this.selection = new Selection(memory);
        this.gather = new Gather(memory);
    }

    /** The chain that takes times from min to max, or null if they are on both sides. */
    private @Nullable ChainBuilder side(long timeMin, long timeMax) {
        if (Long.compareUnsigned(timeMax, upper) < 0) {
            return before;
        }
        return Long.compareUnsigned(timeMin, upper) >= 0 ? rest : null;
    }

    @Override
    public void accept(Lease image, TrieView view) {
        ChainBuilder side = side(view.timeMin(), view.timeMax());
        if (side != null && side.takeImage(image, view)) {
            return;
        }
        try {
            if (side != null) {
                side.appendUpdates(view, 0, view.updateCount());
            } else {
                split(view, true, before);
                split(view, false, rest);
            }
        } finally {
            image.close();
        }
    }

    @Override
    public boolean offer(Chunk chunk) {
        ChainBuilder side = side(chunk.timeMin(), chunk.timeMax());
        return side != null && side.shareChunk(chunk);
    }

    private void split(TrieView view, boolean early, ChainBuilder target) {
        selection.select(view, upper, early);
        selection.bind(
                half,
                view.type(),
                gather,
                view.keys(),
                view.vals(),
                view.times(),
                view.diffs(),
                view.payloads());
        target.appendUpdates(half, 0, half.updateCount());
    }

    @Override
    public void close() {
        selection.close();
        gather.close();
    }
}
