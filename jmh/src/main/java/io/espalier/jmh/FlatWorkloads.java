package io.espalier.jmh;

import io.espalier.columnar.Batch;
import io.espalier.columnar.ChunkFamily;
import io.espalier.columnar.Staging;
import io.espalier.columnar.UpdateBuffer;
import java.util.function.Consumer;

/**
 * The operations that both families of chunks have, by the one of flat rows: what its rows are held
 * against. Resident, and each run takes its inputs by handle.
 */
final class FlatWorkloads {

    private FlatWorkloads() {}

    /** The size of a freshly built chain for each of its updates. */
    static double bytesPerUpdate(Fixture fixture, Shape shape, int updates) {
        try (ChunkFamily family = fixture.flat(shape.type());
                Shapes source = new Shapes(fixture.memory(), shape, updates);
                Batch batch = form(fixture, family, source::stage)) {
            return (double) fixture.inputBytes() / batch.updateCount();
        }
    }

    /** Staging all updates and forming them into a chain. */
    static Workload build(Fixture fixture, Shape shape, int updates) {
        return new Flat(fixture, shape, updates) {
            private final UpdateBuffer buffer = new UpdateBuffer(fixture.memory(), shape.type());

            @Override
            Batch make() {
                source.stage(buffer);
                return family.form(buffer);
            }

            @Override
            void closeInputs() {
                buffer.close();
            }
        };
    }

    /** Merging the two halves of a shape. */
    static Workload merge(Fixture fixture, Shape shape, int updates) {
        return new Flat(fixture, shape, updates) {
            private final Batch left = form(fixture, family, half(0));
            private final Batch right = form(fixture, family, half(1));

            // inputs of a run are shared, since the merge consumes them
            private final Staging shares = family.staging();

            private Consumer<UpdateBuffer> half(int half) {
                return buffer -> source.stageHalf(buffer, half);
            }

            @Override
            Batch make() {
                try (Batch first = share(left);
                        Batch second = share(right)) {
                    return family.merge(first, second);
                }
            }

            private Batch share(Batch batch) {
                for (long chunk = 0; chunk < batch.chunkCount(); chunk++) {
                    family.fetchInto(batch.chunk(chunk), shares);
                }
                return shares.finish();
            }

            @Override
            void closeInputs() {
                shares.close();
                left.close();
                right.close();
            }
        };
    }

    /** Reading a whole chain, which is handed over chunk by chunk. */
    static Workload fetch(Fixture fixture, Shape shape, int updates) {
        return new Flat(fixture, shape, updates) {
            private final Batch input = form(fixture, family, source::stage);

            @Override
            Batch make() {
                return family.fetchAll(input);
            }

            @Override
            void closeInputs() {
                input.close();
            }
        };
    }

    private static Batch form(Fixture fixture, ChunkFamily family, Consumer<UpdateBuffer> stage) {
        try (UpdateBuffer buffer = new UpdateBuffer(fixture.memory(), family.type())) {
            stage.accept(buffer);
            return family.form(buffer);
        }
    }

    /** A result of flat chunks, made again and again, with a floor of as many bytes. */
    private abstract static class Flat implements Workload {
        final ChunkFamily family;
        final Shapes source;
        private final Floor floor;
        private final long resultUpdates;
        private final double bytesPerUpdate;

        Flat(Fixture fixture, Shape shape, int updates) {
            family = fixture.flat(shape.type());
            source = new Shapes(fixture.memory(), shape, updates);
            try (Batch whole = form(fixture, family, source::stage)) {
                floor = Floor.ofSizes(fixture.memory(), whole);
                resultUpdates = whole.updateCount();
                bytesPerUpdate = (double) whole.sizeBytes() / resultUpdates;
            }
        }

        /** The result; the caller closes it. */
        abstract Batch make();

        abstract void closeInputs();

        @Override
        public final long run() {
            try (Batch result = make()) {
                if (result.updateCount() != resultUpdates) {
                    throw new IllegalStateException(
                            result.updateCount() + " updates, expected " + resultUpdates);
                }
                return resultUpdates;
            }
        }

        @Override
        public final long floor() {
            return floor.run();
        }

        @Override
        public final long updates() {
            return source.count();
        }

        @Override
        public final double bytesPerUpdate() {
            return bytesPerUpdate;
        }

        @Override
        public final void close() {
            closeInputs();
            floor.close();
            source.close();
            family.close();
        }
    }
}
