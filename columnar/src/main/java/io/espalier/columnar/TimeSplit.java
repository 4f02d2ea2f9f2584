package io.espalier.columnar;

import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;
import org.jspecify.annotations.Nullable;

/**
 * A sink that parts a chain by time: what a frontier says is open goes to one chain, the rest to
 * another. A chunk or image that lies on one side goes there as it is, which its time bounds tell
 * without opening it; a mixed image is split before any pager sees it.
 *
 * <p>Single-threaded. The owner closes it; the two chains are not its own.
 */
final class TimeSplit implements ImageSink, AutoCloseable {

    private final Antichain frontier;
    private final ChainBuilder ship;
    private final ChainBuilder keep;
    private final Antichain.@Nullable Builder residual;
    private final Selection selection;
    private final Gather gather;
    private final TrieView half = new TrieView();

    TimeSplit(NativeMemory memory, Antichain frontier, ChainBuilder ship, ChainBuilder keep) {
        this(memory, frontier, ship, keep, null);
    }

    /**
     * A split that also says what times it kept.
     *
     * @param residual takes the times of what is kept in
     */
    TimeSplit(
            NativeMemory memory,
            Antichain frontier,
            ChainBuilder ship,
            ChainBuilder keep,
            Antichain.@Nullable Builder residual) {
        this.residual = residual;
        frontier.checkType(ship.type().time());
        this.frontier = frontier;
        this.ship = ship;
        this.keep = keep;
        this.selection = new Selection(memory);
        this.gather = new Gather(memory);
    }

    /** The chain that takes times from min to max, or null if they may be on both sides. */
    private @Nullable ChainBuilder side(
            long timeMin, long secondTimeMin, long timeMax, long secondTimeMax) {
        if (!frontier.lessEqual(timeMax, secondTimeMax)) {
            return ship;
        }
        return frontier.lessEqual(timeMin, secondTimeMin) ? keep : null;
    }

    /** Appends a view to the chains. */
    void append(TrieView view) {
        ChainBuilder side = side(view);
        if (side != null) {
            side.appendUpdates(view, 0, view.updateCount());
            if (side == keep) {
                lower(view.times());
            }
        } else {
            split(view, false, ship);
            split(view, true, keep);
        }
    }

    private @Nullable ChainBuilder side(TrieView view) {
        return side(view.timeMin(), view.secondTimeMin(), view.timeMax(), view.secondTimeMax());
    }

    @Override
    public void accept(Lease image, TrieView view) {
        ChainBuilder side = side(view);
        if (side != null && side.takeImage(image, view)) {
            return;
        }
        try {
            append(view);
        } finally {
            image.close();
        }
    }

    @Override
    public boolean offer(Chunk chunk) {
        ChainBuilder side =
                side(
                        chunk.timeMin(),
                        chunk.secondTimeMin(),
                        chunk.timeMax(),
                        chunk.secondTimeMax());
        if (side == null || !side.shareChunk(chunk)) {
            return false;
        }
        if (side == keep && residual != null) {
            chunk.addLower(residual);
        }
        return true;
    }

    private void split(TrieView view, boolean open, ChainBuilder target) {
        selection.select(view, frontier, open);
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
        if (open) {
            lower(half.times());
        }
    }

    private void lower(Column times) {
        if (residual != null) {
            long count = times.isConstant() ? Math.min(times.count(), 1) : times.count();
            for (long i = 0; i < count; i++) {
                residual.insert(times.longAt(i), TimeType.secondOf(times, i));
            }
        }
    }

    /** How many bytes of memory may back its room. */
    long heldBytes() {
        return selection.heldBytes() + gather.heldBytes();
    }

    @Override
    public void close() {
        selection.close();
        gather.close();
    }
}
