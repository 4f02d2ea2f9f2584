package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;

/** Bytes that must not change: lines of 32 in hexadecimal, in {@code golden/NAME.hex}. */
final class Golden {

    private static final int LINE_BYTES = 32;

    private Golden() {}

    static void check(String name, byte[] bytes) throws IOException {
        StringBuilder found = new StringBuilder();
        for (int at = 0; at < bytes.length; at += LINE_BYTES) {
            int end = Math.min(bytes.length, at + LINE_BYTES);
            found.append(HexFormat.of().formatHex(bytes, at, end)).append('\n');
        }
        String resource = "/io/espalier/spine/golden/" + name + ".hex";
        String expected = "";
        try (InputStream in = Golden.class.getResourceAsStream(resource)) {
            if (in != null) {
                expected = new String(in.readAllBytes(), StandardCharsets.UTF_8);
            }
        }
        assertEquals(expected, found.toString(), resource);
    }

    /** The bytes of a golden file. */
    static byte[] bytes(String name) throws IOException {
        try (InputStream in =
                Golden.class.getResourceAsStream("/io/espalier/spine/golden/" + name + ".hex")) {
            if (in == null) {
                throw new IOException("there is no golden file " + name);
            }
            String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
            return HexFormat.of().parseHex(text.replace("\n", ""));
        }
    }
}
