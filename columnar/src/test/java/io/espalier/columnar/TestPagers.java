package io.espalier.columnar;

import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Codec;
import io.espalier.pager.CodecPolicy;
import io.espalier.pager.Pager;
import io.espalier.pager.PagerOptions;
import java.nio.file.Path;

/** Pagers for tests, made in one place. */
final class TestPagers {

    private TestPagers() {}

    private static Path spill() {
        return Path.of(System.getProperty("java.io.tmpdir"));
    }

    /** A pager that keeps everything resident. */
    static Pager open(NativeMemory memory) {
        return Pager.open(memory, MemoryBudget.unlimited(), PagerOptions.in(spill()));
    }

    /** A pager that keeps nothing in memory, and writes everything with one codec. */
    static Pager openWithoutBudget(NativeMemory memory, Codec codec) {
        return Pager.open(
                memory,
                new MemoryBudget(0),
                PagerOptions.in(spill())
                        .withSlackBytes(0)
                        .withWindows(0, 0)
                        .withCodecPolicy(CodecPolicy.always(codec)));
    }

    /** A pager that keeps nothing resident, and reads nothing before it is asked for. */
    static Pager openWithoutReadingAhead(NativeMemory memory) {
        return Pager.open(
                memory,
                new MemoryBudget(0),
                PagerOptions.in(spill()).withSlackBytes(0).withPrefetchBytes(0));
    }

    /** A pager that keeps nothing resident. */
    static Pager openWithoutBudget(NativeMemory memory) {
        return Pager.open(memory, new MemoryBudget(0), PagerOptions.in(spill()).withSlackBytes(0));
    }
}
