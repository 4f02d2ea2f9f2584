package io.espalier.columnar;

import io.espalier.pager.Pager;

/**
 * Flat rows: row by row, as plainly as can be. Views, cursors and staging repeat here what those of
 * tries do, and share nothing with them: this family is what the other one is tested against.
 */
final class FlatFamily implements ChunkFamily {

    private final Pager pager;
    private final TrieType type;
    private final long targetBytes;
    private final GroupFold group;
    private final FlatView view = new FlatView();

    FlatFamily(Pager pager, TrieType type, long targetBytes) {
        Families.checkTarget(targetBytes);
        this.pager = pager;
        this.type = type;
        this.targetBytes = targetBytes;
        this.group = new GroupFold(pager.memory(), type);
    }

    @Override
    public ChunkKind kind() {
        return ChunkKind.FLAT;
    }

    @Override
    public TrieType type() {
        return type;
    }

    @Override
    public Staging staging() {
        return staging(1);
    }

    private FlatStaging staging(int depth) {
        return new FlatStaging(pager, type, targetBytes, depth);
    }

    private FlatStaging own(Staging staging) {
        Families.check(this, staging);
        return (FlatStaging) staging;
    }

    @Override
    public Batch form(UpdateBuffer staged) {
        try (FlatStaging out = staging(0)) {
            staged.formInto(out);
            return out.finish();
        }
    }

    @Override
    public Batch merge(Batch first, Batch second) {
        Families.check(this, first);
        Families.check(this, second);
        try (FlatStaging out = staging(1);
                FlatHead a = new FlatHead(first);
                FlatHead b = new FlatHead(second)) {
            while (!a.isExhausted() && !b.isExhausted()) {
                int order = FlatHead.compare(a, b);
                if (order == 0) {
                    fold(a, b, out);
                } else if (order < 0) {
                    moveBelow(a, b, out);
                } else {
                    moveBelow(b, a, out);
                }
            }
            moveRest(a, out);
            moveRest(b, out);
            return out.finish();
        }
    }

    /** Moves what lies below another head, of the chunk. */
    private static void moveBelow(FlatHead from, FlatHead other, FlatStaging out) {
        if (from.chunkIsBelow(other)) {
            moveChunk(from, out);
            return;
        }
        long end = from.endBelow(other);
        out.appendRows(from.open(), from.row(), end);
        from.moveTo(end);
    }

    private static void moveChunk(FlatHead from, FlatStaging out) {
        if (from.row() > 0 || !out.share(from.chunk())) {
            out.appendRows(from.open(), from.row(), from.open().rowCount());
        }
        from.nextChunk();
    }

    private static void moveRest(FlatHead from, FlatStaging out) {
        while (!from.isExhausted()) {
            moveChunk(from, out);
        }
    }

    private void fold(FlatHead a, FlatHead b, FlatStaging out) {
        FlatView x = a.open();
        FlatView y = b.open();
        if (type.diff() == DiffType.COUNT) {
            long time = x.timeAt(a.row());
            long second = x.secondTimeAt(a.row());
            long sum =
                    Families.addExactly(type, x.diffAt(a.row()), y.diffAt(b.row()), time, second);
            if (sum != 0) {
                out.append(
                        x.keys(),
                        a.row(),
                        x.vals(),
                        a.row(),
                        time,
                        second,
                        sum,
                        x.payloads(),
                        a.row());
            }
        } else if (Long.compareUnsigned(y.diffAt(b.row()), x.diffAt(a.row())) > 0) {
            out.appendRows(y, b.row(), b.row() + 1);
        } else {
            out.appendRows(x, a.row(), a.row() + 1);
        }
        a.moveTo(a.row() + 1);
        b.moveTo(b.row() + 1);
    }

    @Override
    public void extract(
            Batch in, Antichain frontier, Antichain.Builder residual, Staging keep, Staging ship) {
        Families.check(this, in);
        frontier.checkType(type.time());
        FlatStaging kept = own(keep);
        FlatStaging shipped = own(ship);
        for (long i = 0; i < in.chunkCount(); i++) {
            Chunk chunk = in.chunk(i);
            boolean allKept = frontier.lessEqual(chunk.timeMin(), chunk.secondTimeMin());
            boolean allShipped = !frontier.lessEqual(chunk.timeMax(), chunk.secondTimeMax());
            boolean shared =
                    allKept ? kept.share(chunk) : allShipped ? shipped.share(chunk) : false;
            if (!shared) {
                extract(chunk, frontier, residual, kept, shipped);
            } else if (allKept) {
                chunk.addLower(residual);
            }
            in.passed(i);
        }
    }

    private void extract(
            Chunk chunk,
            Antichain frontier,
            Antichain.Builder residual,
            FlatStaging kept,
            FlatStaging shipped) {
        try (ChunkPin pin = chunk.open(view)) {
            for (long row = 0; row < view.rowCount(); row++) {
                boolean open = frontier.lessEqual(view.timeAt(row), view.secondTimeAt(row));
                (open ? kept : shipped).appendRows(view, row, row + 1);
                if (open) {
                    residual.insert(view.timeAt(row), view.secondTimeAt(row));
                }
            }
        }
    }

    @Override
    public Batch advance(Batch in, Antichain frontier) {
        Families.check(this, in);
        frontier.checkType(type.time());
        group.clear();
        try (FlatStaging out = staging(1)) {
            for (long i = 0; i < in.chunkCount(); i++) {
                if (!Families.stays(in, i, frontier, !group.isEmpty()) || !out.share(in.chunk(i))) {
                    advance(in, i, frontier, out);
                }
                in.passed(i);
            }
            return out.finish();
        }
    }

    private void advance(Batch in, long chunk, Antichain frontier, FlatStaging out) {
        boolean goesOn = Families.straddles(in, chunk);
        try (ChunkPin pin = in.chunk(chunk).open(view)) {
            long count = view.rowCount();
            long row = 0;
            while (row < count) {
                long end = view.valEnd(row);
                for (long i = row; i < end; i++) {
                    group.add(
                            frontier.advanceFirst(view.timeAt(i)),
                            frontier.advanceSecond(view.secondTimeAt(i)),
                            view.diffAt(i),
                            view.payloads(),
                            i);
                }
                if (end < count || !goesOn) {
                    appendGroup(row, out);
                }
                row = end;
            }
        }
    }

    private void appendGroup(long row, FlatStaging out) {
        long left = group.fold();
        for (long i = 0; i < left; i++) {
            out.append(
                    view.keys(),
                    row,
                    view.vals(),
                    row,
                    group.timeAt(i),
                    group.secondTimeAt(i),
                    group.diffAt(i),
                    group.payloads(),
                    group.payload(i));
        }
        group.clear();
    }

    @Override
    public Batch settle(Batch in) {
        Families.check(this, in);
        try (FlatStaging out = staging(1)) {
            for (long i = 0; i < in.chunkCount(); i++) {
                if (!out.share(in.chunk(i))) {
                    copy(in.chunk(i), out);
                }
                in.passed(i);
            }
            return out.finish();
        }
    }

    private void copy(Chunk chunk, FlatStaging out) {
        try (ChunkPin pin = chunk.open(view)) {
            out.appendRows(view, 0, view.rowCount());
        }
    }

    @Override
    public long extractInto(Chunk chunk, Column probes, long probe, Staging out) {
        Families.check(this, chunk);
        Families.check(type, probes);
        FlatStaging staging = own(out);
        try (ChunkPin pin = chunk.open(view)) {
            Column keys = view.keys();
            long rowCount = view.rowCount();
            long row = 0;
            long next = probe;
            while (next < probes.count()) {
                row = keys.gallop(row, rowCount, probes, next);
                if (row == rowCount) {
                    return next;
                }
                if (Column.compare(keys, row, probes, next) == 0) {
                    long end = view.keyEnd(row);
                    staging.appendRows(view, row, end);
                    if (end == rowCount) {
                        // the last key's group may go on in the next chunk
                        return next;
                    }
                    row = end;
                }
                next++;
            }
            return next;
        }
    }

    @Override
    public void fetchInto(Chunk chunk, Staging out) {
        Families.check(this, chunk);
        FlatStaging staging = own(out);
        if (!chunk.isResident() || !staging.share(chunk)) {
            copy(chunk, staging);
        }
    }

    @Override
    public BatchCursor cursor(Batch in) {
        Families.check(this, in);
        return new FlatCursor(in);
    }

    @Override
    public void close() {
        group.close();
    }
}
