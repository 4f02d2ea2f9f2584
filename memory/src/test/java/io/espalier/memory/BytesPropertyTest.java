package io.espalier.memory;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Size;

final class BytesPropertyTest {

    /** Fails if the unsigned order of prefixes ever contradicts the order of the bytes. */
    @Property(tries = 2000)
    void prefixesNeverContradictTheOrder(
            @ForAll @Size(max = 12) byte[] a, @ForAll @Size(max = 12) byte[] b) {
        int order =
                Integer.signum(Long.compareUnsigned(BytesTest.prefixOf(a), BytesTest.prefixOf(b)));
        assertTrue(order == 0 || order == Integer.signum(Arrays.compareUnsigned(a, b)));
    }

    /** Fails if any pair of generated runs compares otherwise than the arrays. */
    @Property(tries = 500)
    void compareAgreesWithArrays(
            @ForAll @Size(max = 600) byte[] a, @ForAll @Size(max = 600) byte[] tail) {
        byte[] b = Arrays.copyOf(a, a.length + tail.length);
        System.arraycopy(tail, 0, b, a.length, tail.length);
        try (NativeMemory memory = NativeMemory.open();
                Lease lease = memory.allocate(4096)) {
            BytesTest.checkPair(memory.segment(), lease.offset(), a, lease.offset() + 2001, b);
            BytesTest.checkPair(memory.segment(), lease.offset(), tail, lease.offset() + 2001, b);
        }
    }
}
