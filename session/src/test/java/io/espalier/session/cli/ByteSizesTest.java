package io.espalier.session.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Sizes are read strictly and printed back. */
class ByteSizesTest {

    @Property
    void anExactTextIsReadBack(@ForAll @LongRange(min = 0) long bytes) {
        // fails if printing loses a byte
        assertEquals(bytes, ByteSizes.parse(ByteSizes.exact(bytes)));
    }

    @Test
    void unitsAreBinary() {
        // fails if a unit is decimal or another
        assertEquals(4096, ByteSizes.parse("4096"));
        assertEquals(5, ByteSizes.parse("5B"));
        assertEquals(64L << 20, ByteSizes.parse("64MiB"));
        assertEquals(3L << 30, ByteSizes.parse("3GiB"));
        assertEquals("64MiB", ByteSizes.exact(64 << 20));
        assertEquals("1000B", ByteSizes.exact(1000));
        assertEquals("0B", ByteSizes.exact(0));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "MiB",
                "64MB",
                "64M",
                "64 MiB",
                "-1MiB",
                "1.5GiB",
                "64mib",
                "9999999PiB"
            })
    void whatIsNoSizeIsRefused(String text) {
        // fails if something ambiguous is guessed at
        String message =
                assertThrows(IllegalArgumentException.class, () -> ByteSizes.parse(text))
                        .getMessage();
        assertTrue(String.valueOf(message).contains("'" + text + "'"), message);
    }

    @Test
    void roundedSizesHaveThreeDigitsOrSo() {
        // fails if people get more digits than they can use
        assertEquals("0 B", ByteSizes.rounded(0));
        assertEquals("1023 B", ByteSizes.rounded(1023));
        assertEquals("1.0 KiB", ByteSizes.rounded(1024));
        assertEquals("12.3 MiB", ByteSizes.rounded((long) (12.3 * (1 << 20))));
        assertEquals("512 GiB", ByteSizes.rounded(512L << 30));
    }
}
