package io.espalier.jmh;

import io.espalier.columnar.AsOfCursor;
import io.espalier.columnar.Batch;
import io.espalier.columnar.ChainBuilder;
import io.espalier.columnar.Chunk;
import io.espalier.columnar.ChunkPin;
import io.espalier.columnar.Column;
import io.espalier.columnar.ColumnBuilder;
import io.espalier.columnar.Excerpt;
import io.espalier.columnar.Extractor;
import io.espalier.columnar.Merge;
import io.espalier.columnar.TrieBuilder;
import io.espalier.columnar.TrieView;
import io.espalier.columnar.UpdateBuffer;
import io.espalier.memory.Layouts;
import io.espalier.memory.Lease;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The operations that are measured, each over a shape in a fixture. */
final class Workloads {

    private static final long ALL_TIMES = -1;

    private Workloads() {}

    /** Adding all updates, one by one, to a buffer that has its room. */
    static Workload stage(Fixture fixture, Shape shape, int updates) {
        return new Build(fixture, shape, updates, false);
    }

    /** Staging all updates and forming them into a chain: sorted, consolidated, sealed. */
    static Workload build(Fixture fixture, Shape shape, int updates) {
        return new Build(fixture, shape, updates, true);
    }

    /**
     * What the JDK makes of the keys of A: a copy of them, sorted by {@link Arrays#sort(long[])}.
     */
    static Workload sort(Fixture fixture, Shape shape, int updates) {
        return new Sort(fixture, shape, updates);
    }

    /** The size of a freshly built chain for each of its updates, where it stands. */
    static double bytesPerUpdate(Fixture fixture, Shape shape, int updates) {
        try (Fixture.Staging input = formOnly(fixture, shape, updates)) {
            fixture.checkInputs();
            return (double) fixture.inputBytes() / input.batch().updateCount();
        }
    }

    private static Fixture.Staging formOnly(Fixture fixture, Shape shape, int updates) {
        try (Shapes source = new Shapes(fixture.memory(), shape, updates)) {
            return fixture.form(shape.type(), source::stage);
        }
    }

    /** Merging the two halves of a shape. */
    static Workload merge(Fixture fixture, Shape shape, int updates) {
        return new Halves(fixture, shape, updates);
    }

    /** Visiting all updates of a chain in place, by views: first word of each key, time, count. */
    static Workload scan(Fixture fixture, Shape shape, int updates) {
        return new Whole(fixture, shape, updates) {
            private final TrieView view = new TrieView();

            @Override
            long run(Batch batch) {
                return checked(Workloads.scan(batch, view));
            }
        };
    }

    /** Walking all (key, val) of a chain by the cursor that sums up counts as of a time. */
    static Workload walk(Fixture fixture, Shape shape, int updates) {
        return new Whole(fixture, shape, updates) {
            private final AsOfCursor walker = new AsOfCursor(fixture.memory());

            @Override
            long run(Batch batch) {
                long sum = 0;
                try (AsOfCursor cursor = walker) {
                    cursor.start(List.of(batch), ALL_TIMES);
                    while (cursor.next()) {
                        sum += cursor.sum();
                    }
                }
                if (sum != source.count()) {
                    throw new IllegalStateException(shape.label() + ": counts add up to " + sum);
                }
                return sum;
            }
        };
    }

    /** Copying a chain into staging by {@link Excerpt#fetch}: the scan of what may be paged. */
    static Workload fetch(Fixture fixture, Shape shape, int updates) {
        return new Whole(fixture, shape, updates) {
            private final Excerpt staging = fixture.excerpt(shape.type());

            @Override
            long run(Batch batch) {
                staging.fetch(batch);
                long count = staging.updateCount();
                staging.clear();
                return checked(count);
            }

            @Override
            public void close() {
                staging.close();
                super.close();
            }
        };
    }

    /** Melding all chunks of a chain, one by one, into new images. */
    static Workload meld(Fixture fixture, Shape shape, int updates) {
        return new Meld(fixture, shape, updates);
    }

    /** Reading a chain by sorted probes in bulk. */
    static Workload extract(Fixture fixture, Shape shape, int updates) {
        return new Probed(fixture, shape, updates) {
            @Override
            void run(Batch batch, Column probes, Excerpt staging) {
                staging.extract(batch, probes);
            }
        };
    }

    /** The same probe by probe: a seek, and a copy of what it finds into the same staging. */
    static Workload seek(Fixture fixture, Shape shape, int updates) {
        return new Probed(fixture, shape, updates) {
            private final TrieView view = new TrieView();

            @Override
            void run(Batch batch, Column probes, Excerpt staging) {
                Workloads.seek(batch, probes, view, staging.begin());
                staging.end();
            }
        };
    }

    // ---- the loops ----------------------------------------------------------------------------

    private static long scan(Batch batch, TrieView view) {
        long updates = 0;
        long sum = 0;
        for (long chunk = 0; chunk < batch.chunkCount(); chunk++) {
            try (ChunkPin pin = batch.open(chunk, view)) {
                assert pin != null;
                sum += scan(view);
                updates += view.updateCount();
            }
        }
        // never so: it keeps what was read alive
        return sum == Long.MIN_VALUE ? -1 : updates;
    }

    private static long scan(TrieView view) {
        return view.isSingle() ? scanSingles(view) : scanGroups(view);
    }

    private static long scanSingles(TrieView view) {
        Column keys = view.keys();
        long count = view.updateCount();
        long sum = 0;
        for (long i = 0; i < count; i++) {
            sum += keys.segment().get(Layouts.LONG, keys.offsetOf(i));
            sum += view.timeAt(i) ^ view.diffAt(i);
        }
        return sum;
    }

    private static long scanGroups(TrieView view) {
        Column keys = view.keys();
        long keyCount = view.keyCount();
        long sum = 0;
        for (long key = 0; key < keyCount; key++) {
            sum += keys.segment().get(Layouts.LONG, keys.offsetOf(key));
            long updatesTo = view.updatesFromKey(key + 1);
            for (long i = view.updatesFromKey(key); i < updatesTo; i++) {
                sum += view.timeAt(i) ^ view.diffAt(i);
            }
        }
        return sum;
    }

    private static void seek(Batch batch, Column probes, TrieView view, ChainBuilder out) {
        long open = -1;
        long key = 0;
        Chunk held = null;
        try {
            for (long probe = 0; probe < probes.count(); probe++) {
                long chunk = batch.seek(probes, probe, Math.max(open, 0));
                while (chunk < batch.chunkCount()) {
                    if (chunk != open) {
                        letGo(held, view);
                        held = null;
                        held = batch.hold(chunk, view);
                        open = chunk;
                        key = 0;
                    }
                    key = view.keys().gallop(key, view.keyCount(), probes, probe);
                    if (key == view.keyCount()
                            || Column.compare(view.keys(), key, probes, probe) != 0) {
                        break;
                    }
                    out.appendKeys(view, key, key + 1);
                    if (key + 1 < view.keyCount()) {
                        break;
                    }
                    // the last key of a chunk may go on in the next
                    chunk++;
                }
                if (chunk == batch.chunkCount()) {
                    break;
                }
            }
        } finally {
            letGo(held, view);
        }
    }

    private static void letGo(@Nullable Chunk held, TrieView view) {
        if (held != null) {
            held.letGo(view);
        }
    }

    // ---- what they share ----------------------------------------------------------------------

    /** A chain of a shape, and a result with its floor. */
    private abstract static class Measured implements Workload {
        final Fixture fixture;
        final Shape shape;
        final Shapes source;
        private @Nullable Floor floor;
        private long expected;
        private double bytesPerUpdate;

        Measured(Fixture fixture, Shape shape, int updates) {
            this.fixture = fixture;
            this.shape = shape;
            this.source = new Shapes(fixture.memory(), shape, updates);
        }

        /** Takes a batch that is resident, and stays, as the result that every run is to make. */
        final void expect(Batch result) {
            floor = new Floor(fixture.memory(), result);
            expected = result.updateCount();
            bytesPerUpdate = (double) result.sizeBytes() / expected;
        }

        final long checked(long found) {
            if (found != expected) {
                throw new IllegalStateException(
                        shape.label() + ": " + found + " updates, expected " + expected);
            }
            return found;
        }

        @Override
        public final void checkInputs() {
            fixture.checkInputs();
        }

        @Override
        public final long floor() {
            Floor known = floor;
            if (known == null) {
                throw new IllegalStateException("no result yet");
            }
            return known.run();
        }

        @Override
        public final double bytesPerUpdate() {
            return bytesPerUpdate;
        }

        @Override
        public void close() {
            if (floor != null) {
                floor.close();
            }
            source.close();
        }
    }

    private static final class Build extends Measured {
        private final UpdateBuffer buffer;
        private final Fixture.Staging reference;
        private final Fixture.Staging staging;
        private final boolean form;

        Build(Fixture fixture, Shape shape, int updates, boolean form) {
            super(fixture, shape, updates);
            this.form = form;
            this.buffer = new UpdateBuffer(fixture.memory(), shape.type());
            this.reference = fixture.form(shape.type(), source::stage);
            this.staging = fixture.inputs(shape.type());
            expect(reference.batch());
        }

        @Override
        public long run() {
            source.stage(buffer);
            if (!form) {
                long count = buffer.count();
                buffer.clear();
                return count;
            }
            buffer.formInto(staging.out());
            staging.finish();
            long count = staging.batch().updateCount();
            staging.clear();
            return checked(count);
        }

        @Override
        public long updates() {
            return source.count();
        }

        @Override
        public void close() {
            super.close();
            buffer.close();
            staging.close();
            reference.close();
        }
    }

    private static final class Sort extends Measured {
        private final Fixture.Staging reference;
        private final long[] keys;
        private final long[] sorted;

        Sort(Fixture fixture, Shape shape, int updates) {
            super(fixture, shape, updates);
            this.keys = source.longKeys();
            this.sorted = new long[keys.length];
            this.reference = fixture.form(shape.type(), source::stage);
            expect(reference.batch());
        }

        @Override
        public long run() {
            System.arraycopy(keys, 0, sorted, 0, keys.length);
            Arrays.sort(sorted);
            return checked(sorted[sorted.length - 1] + 1);
        }

        @Override
        public long updates() {
            return source.count();
        }

        @Override
        public void close() {
            super.close();
            reference.close();
        }
    }

    /** Two inputs, made into one result. */
    private static final class Halves extends Measured {
        private final Fixture.Staging left;
        private final Fixture.Staging right;
        private final List<Batch> inputs;
        private final Fixture.Staging reference;
        private final Fixture.Staging staging;

        Halves(Fixture fixture, Shape shape, int updates) {
            super(fixture, shape, updates);
            left = fixture.form(shape.type(), buffer -> source.stageHalf(buffer, 0));
            right = fixture.form(shape.type(), buffer -> source.stageHalf(buffer, 1));
            inputs = List.of(left.batch(), right.batch());
            reference = fixture.results(shape.type());
            staging = fixture.results(shape.type());
            merge(reference);
            expect(reference.batch());
        }

        private void merge(Fixture.Staging target) {
            try (Merge merge = new Merge(inputs, false, 0, target.out())) {
                merge.run();
            }
        }

        @Override
        public long run() {
            merge(staging);
            long count = staging.batch().updateCount();
            staging.clear();
            return checked(count);
        }

        @Override
        public long updates() {
            return left.batch().updateCount() + right.batch().updateCount();
        }

        @Override
        public void close() {
            super.close();
            staging.close();
            reference.close();
            left.close();
            right.close();
        }
    }

    /** One input that is read whole. */
    private abstract static class Whole extends Measured {
        private final Fixture.Staging input;
        private final Fixture.Staging reference;

        Whole(Fixture fixture, Shape shape, int updates) {
            super(fixture, shape, updates);
            input = fixture.form(shape.type(), source::stage);
            reference = fixture.results(shape.type());
            new Extractor().fetch(input.batch(), reference.out());
            reference.finish();
            expect(reference.batch());
        }

        /** Reads the batch; how many updates or what sum of counts it found. */
        abstract long run(Batch batch);

        @Override
        public long run() {
            return run(input.batch());
        }

        @Override
        public long updates() {
            return input.batch().updateCount();
        }

        @Override
        public void close() {
            super.close();
            reference.close();
            input.close();
        }
    }

    private static final class Meld extends Whole {
        private final TrieView view = new TrieView();
        private final TrieBuilder builder;

        Meld(Fixture fixture, Shape shape, int updates) {
            super(fixture, shape, updates);
            builder = new TrieBuilder(fixture.memory(), shape.type());
        }

        @Override
        long run(Batch batch) {
            long count = 0;
            for (long chunk = 0; chunk < batch.chunkCount(); chunk++) {
                try (ChunkPin pin = batch.open(chunk, view)) {
                    assert pin != null;
                    builder.meld(view);
                    count += builder.updateCount();
                }
                try (Lease image = builder.seal()) {
                    assert image != null;
                }
            }
            return checked(count);
        }

        @Override
        public void close() {
            super.close();
            builder.close();
        }
    }

    /** One input that is read by probes into staging. */
    private abstract static class Probed extends Measured {
        private final Fixture.Staging input;
        private final ColumnBuilder probes;
        private final Column probeColumn;
        private final Fixture.Staging reference;
        private final Excerpt staging;

        Probed(Fixture fixture, Shape shape, int updates) {
            super(fixture, shape, updates);
            input = fixture.form(shape.type(), source::stage);
            probes = ColumnBuilder.distinct(fixture.memory(), shape.type().key());
            source.probe(probes);
            probeColumn = probes.column();
            reference = fixture.results(shape.type());
            seek(input.batch(), probeColumn, new TrieView(), reference.out());
            reference.finish();
            expect(reference.batch());
            staging = fixture.excerpt(shape.type());
        }

        abstract void run(Batch batch, Column probes, Excerpt staging);

        @Override
        public long run() {
            run(input.batch(), probeColumn, staging);
            long count = staging.updateCount();
            staging.clear();
            return checked(count);
        }

        @Override
        public long updates() {
            return reference.batch().updateCount();
        }

        @Override
        public void close() {
            super.close();
            staging.close();
            reference.close();
            input.close();
            probes.close();
        }
    }
}
