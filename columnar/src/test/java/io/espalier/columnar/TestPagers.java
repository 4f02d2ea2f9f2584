package io.espalier.columnar;

import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;

/** Pagers for tests, made in one place. */
final class TestPagers {

    private TestPagers() {}

    /** A pager that keeps everything resident. */
    static Pager open(NativeMemory memory) {
        return new Pager(memory);
    }
}
