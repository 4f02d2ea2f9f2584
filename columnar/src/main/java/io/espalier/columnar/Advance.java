package io.espalier.columnar;

import io.espalier.memory.NativeBuffer;
import io.espalier.memory.NativeMemory;

/**
 * Moves the times of a chain of tries to their representatives under a frontier. A chunk whose
 * times stay moves by handle; one whose times are all one, and so have one val each, is copied by
 * ranges with another time; all else goes group by group.
 *
 * <p>Single-threaded. The owner closes it.
 */
final class Advance implements AutoCloseable {

    private final TrieType type;
    private final GroupFold group;
    private final NativeBuffer raisedTime;
    private final TrieView view = new TrieView();
    private final TrieView raised = new TrieView();

    Advance(NativeMemory memory, TrieType type) {
        this.type = type;
        this.group = new GroupFold(memory, type);
        this.raisedTime = new NativeBuffer(memory);
    }

    /** Appends everything of {@code in}, which is consumed, to a chain. */
    void run(Batch in, Antichain frontier, ChainBuilder out) {
        group.clear();
        for (long i = 0; i < in.chunkCount(); i++) {
            if (!Families.stays(in, i, frontier, !group.isEmpty())
                    || !out.shareChunk(in.chunk(i))) {
                try (ChunkPin pin = in.chunk(i).open(view)) {
                    boolean goesOn = Families.straddles(in, i);
                    if (view.times().isConstant() && group.isEmpty() && !goesOn) {
                        appendRaised(frontier, out);
                    } else {
                        appendGroups(frontier, goesOn, out);
                    }
                }
            }
            in.passed(i);
        }
    }

    /** Appends a view of one time as one of another time. */
    private void appendRaised(Antichain frontier, ChainBuilder out) {
        raisedTime.clear();
        raisedTime.appendLong(frontier.advanceFirst(view.timeAt(0)));
        raisedTime.appendLong(frontier.advanceSecond(view.secondTimeAt(0)));
        raised.bindCopy(view);
        raised.times()
                .bind(
                        view.times().kind(),
                        TrieLayout.CONSTANT,
                        view.times().width(),
                        view.segment(),
                        0,
                        raisedTime.offset(),
                        view.updateCount());
        out.appendUpdates(raised, 0, raised.updateCount());
        raised.unbind();
    }

    private void appendGroups(Antichain frontier, boolean goesOn, ChainBuilder out) {
        for (long key = 0; key < view.keyCount(); key++) {
            for (long val = view.valsFrom(key); val < view.valsTo(key); val++) {
                long to = view.updatesTo(val);
                for (long i = view.updatesFrom(val); i < to; i++) {
                    group.add(
                            frontier.advanceFirst(view.timeAt(i)),
                            frontier.advanceSecond(view.secondTimeAt(i)),
                            view.diffAt(i),
                            view.payloads(),
                            i);
                }
                if (to < view.updateCount() || !goesOn) {
                    appendGroup(key, val, out);
                }
            }
        }
    }

    private void appendGroup(long key, long val, ChainBuilder out) {
        long left = group.fold();
        for (long i = 0; i < left; i++) {
            TrieBuilder builder = out.roomForOne();
            if (builder.isEmpty() || builder.compareLastKey(view.keys(), key) != 0) {
                builder.openKey(view.keys(), key);
                builder.openFirstVal(view.vals(), val);
            } else if (builder.compareLastVal(view.vals(), val) != 0) {
                builder.openNextVal(view.vals(), val);
            }
            long time = group.timeAt(i);
            long second = group.secondTimeAt(i);
            if (type.diff() == DiffType.COUNT) {
                builder.addCount(time, second, group.diffAt(i));
            } else {
                builder.addUpsert(
                        time, second, group.diffAt(i), group.payloads(), group.payload(i));
            }
        }
        group.clear();
    }

    @Override
    public void close() {
        group.close();
        raisedTime.close();
    }
}
