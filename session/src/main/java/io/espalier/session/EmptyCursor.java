package io.espalier.session;

import java.lang.foreign.MemorySegment;

/** Of a table that was never written. */
final class EmptyCursor implements ChangeCursor {

    private final Readers readers;
    private final MemorySegment segment;
    private volatile boolean closed;

    EmptyCursor(Readers readers, MemorySegment segment) {
        this.readers = readers;
        this.segment = segment;
    }

    @Override
    public boolean next() {
        checkOpen();
        return false;
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException(ScanCursor.CLOSED);
        }
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

    private IllegalStateException noRow() {
        return new IllegalStateException(closed ? ScanCursor.CLOSED : ScanCursor.NO_ROW);
    }

    @Override
    public void close() {
        closed = true;
        readers.left(this);
    }
}
