package io.espalier.session.text;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Reads {@link TextFormat#JSONL}. The line is left as it is: the value is a part of it. */
final class JsonLinesReader extends RowReader {

    private final JsonScanner scanner = new JsonScanner();
    private final byte[][] keyNames;
    private final byte[] deleteName;
    private final boolean canDelete;
    private final byte[] deleteText;

    // of the current line: the text of each key member within `texts`, or -1 if there was none
    private final int[] keyFrom;
    private final int[] keyTo;
    private final ByteSink texts = new ByteSink();
    private final ByteSink key = new ByteSink();
    private final ByteSink memberName = new ByteSink();

    JsonLinesReader(LineReader lines, Options options) {
        super(lines);
        this.keyNames =
                options.key().stream()
                        .map(name -> name.getBytes(StandardCharsets.UTF_8))
                        .toArray(byte[][]::new);
        String delete = options.deleteName();
        this.canDelete = delete != null;
        this.deleteName = (delete == null ? "" : delete).getBytes(StandardCharsets.UTF_8);
        this.deleteText = options.deleteText().getBytes(StandardCharsets.UTF_8);
        this.keyFrom = new int[keyNames.length];
        this.keyTo = new int[keyNames.length];
    }

    @Override
    public boolean next() throws IOException, BadLineException {
        if (!lines.next()) {
            return false;
        }
        if (lines.isOverlong()) {
            throw overlong();
        }
        byte[] array = lines.array();
        int end = lines.end();
        int invalid = Utf8.firstInvalid(array, lines.start(), end);
        if (invalid < end) {
            throw bad(
                    invalid,
                    "the line is not UTF-8 (byte " + hex(array[invalid]) + "); encode it as UTF-8");
        }
        try {
            readObject(array, lines.start(), end);
        } catch (JsonScanner.Malformed e) {
            throw bad(e.offset(), e.reason());
        }
        return true;
    }

    private void readObject(byte[] array, int start, int end)
            throws JsonScanner.Malformed, BadLineException {
        Arrays.fill(keyFrom, -1);
        texts.clear();
        delete = false;
        scanner.reset(array, start, end);
        scanner.skipSpace();
        int objectFrom = scanner.at();
        boolean more = scanner.enterObject();
        while (more) {
            int nameAt = scanner.at();
            scanner.string();
            int nameTo = scanner.at();
            scanner.colon();
            int valueFrom = scanner.at();
            scanner.value();
            takeMember(array, nameAt, nameTo, valueFrom, scanner.at());
            more = scanner.nextMember();
        }
        int objectTo = scanner.at();
        scanner.skipSpace();
        if (scanner.at() < end) {
            throw bad(scanner.at(), "text follows the object; a line holds one object");
        }
        takeKey(objectFrom);
        valueArray = array;
        valueOffset = objectFrom;
        valueSize = delete ? 0 : objectTo - objectFrom;
        checkValue(objectFrom, valueSize);
    }

    private void takeMember(byte[] array, int nameAt, int nameTo, int valueFrom, int valueTo)
            throws JsonScanner.Malformed, BadLineException {
        byte[] name = array;
        int nameFrom = nameAt + 1;
        int nameEnd = nameTo - 1;
        if (ByteSearch.indexOf(array, nameFrom, nameEnd, '\\') < nameEnd) {
            memberName.clear();
            JsonScanner.decodeString(array, nameAt, nameTo, memberName);
            name = memberName.array();
            nameFrom = 0;
            nameEnd = memberName.size();
        }
        for (int i = 0; i < keyNames.length; i++) {
            if (matches(name, nameFrom, nameEnd, keyNames[i])) {
                if (keyFrom[i] >= 0) {
                    throw bad(
                            nameAt, "member '" + text(keyNames[i]) + "' of the key is there twice");
                }
                keyFrom[i] = texts.size();
                if (!takeText(array, valueFrom, valueTo)) {
                    throw bad(
                            valueFrom,
                            "member '"
                                    + text(keyNames[i])
                                    + "' of the key is "
                                    + kind(array[valueFrom])
                                    + "; it must be a string, a number, true or false");
                }
                keyTo[i] = texts.size();
            }
        }
        if (canDelete && matches(name, nameFrom, nameEnd, deleteName)) {
            int from = texts.size();
            delete =
                    takeText(array, valueFrom, valueTo)
                            && Arrays.equals(
                                    texts.array(),
                                    from,
                                    texts.size(),
                                    deleteText,
                                    0,
                                    deleteText.length);
        }
    }

    /** Appends the text of a value to {@link #texts}; false if it is no simple value. */
    private boolean takeText(byte[] array, int from, int to) throws JsonScanner.Malformed {
        switch (array[from]) {
            case '"' -> JsonScanner.decodeString(array, from, to, texts);
            case '{', '[', 'n' -> {
                return false;
            }
            default -> texts.append(array, from, to);
        }
        return true;
    }

    private void takeKey(int objectFrom) throws BadLineException {
        for (int i = 0; i < keyNames.length; i++) {
            if (keyFrom[i] < 0) {
                throw bad(
                        objectFrom,
                        "the object has no member '" + text(keyNames[i]) + "', which --key names");
            }
        }
        if (keyNames.length == 1) {
            keyArray = texts.array();
            keyOffset = keyFrom[0];
            keySize = keyTo[0] - keyFrom[0];
        } else {
            key.clear();
            for (int i = 0; i < keyNames.length; i++) {
                if (i > 0) {
                    key.append('\t');
                }
                key.appendEscaped(texts.array(), keyFrom[i], keyTo[i]);
            }
            keyArray = key.array();
            keyOffset = 0;
            keySize = key.size();
        }
        checkKey(keySize);
    }

    private static boolean matches(byte[] array, int from, int to, byte[] name) {
        return to - from == name.length && Arrays.equals(array, from, to, name, 0, name.length);
    }

    private static String text(byte[] name) {
        return new String(name, StandardCharsets.UTF_8);
    }

    private static String kind(byte first) {
        return switch (first) {
            case '{' -> "an object";
            case '[' -> "an array";
            default -> "null";
        };
    }
}
