package io.espalier.session;

import java.lang.foreign.MemorySegment;

/** Of a table that was never written. */
final class EmptyCursor implements ChangeCursor {

    private final MemorySegment segment;

    EmptyCursor(MemorySegment segment) {
        this.segment = segment;
    }

    @Override
    public boolean next() {
        return false;
    }

    @Override
    public MemorySegment segment() {
        return segment;
    }

    @Override
    public long keyOffset() {
        throw noRow();
    }

    @Override
    public long keySize() {
        throw noRow();
    }

    @Override
    public long valueOffset() {
        throw noRow();
    }

    @Override
    public long valueSize() {
        throw noRow();
    }

    @Override
    public long epoch() {
        throw noRow();
    }

    @Override
    public long diff() {
        throw noRow();
    }

    private static IllegalStateException noRow() {
        return new IllegalStateException("the cursor is not at a row; call next() first");
    }

    @Override
    public void close() {}
}
