package io.espalier.session.text;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads {@link TextFormat#CSV}. A record is split and checked whole; what needs it is copied. After
 * a bad record reading goes on with the next line, also if a quote was never closed.
 */
final class CsvReader extends RowReader {

    private static final byte[] BYTE_ORDER_MARK = {(byte) 0xEF, (byte) 0xBB, (byte) 0xBF};
    private static final int NONE = -1;

    private final Options options;
    private boolean opened;
    private byte[][] columnNames = new byte[0][];
    private int[] keyColumns = new int[0];
    private boolean[] isKey = new boolean[0];
    private int valueColumn = NONE;
    private int deleteColumn = NONE;
    private final byte[] deleteText;

    // the fields of the record, relative to its start, since its bytes may move while it is read
    private int fieldCount;
    private int[] fieldFrom = new int[16];
    private int[] fieldTo = new int[16];
    private boolean[] fieldDoubled = new boolean[16];

    private final ByteSink undoubled = new ByteSink();
    private final ByteSink key = new ByteSink();
    private final ByteSink value = new ByteSink();

    CsvReader(LineReader lines, Options options) {
        super(lines);
        this.options = options;
        this.deleteText = options.deleteText().getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public void open() throws IOException, BadLineException {
        if (opened) {
            return;
        }
        if (!lines.next()) {
            throw new BadLineException(
                    1, 1, "the input is empty; csv starts with a line that names the columns");
        }
        int markBytes = startsWithMark() ? BYTE_ORDER_MARK.length : 0;
        split(markBytes);
        List<String> names = new ArrayList<>();
        for (int i = 0; i < fieldCount; i++) {
            String name =
                    new String(fieldArray(i), fieldOffset(i), size(i), StandardCharsets.UTF_8);
            if (names.contains(name)) {
                throw bad(
                        lines.start(), "the header names column '" + name + "' twice; rename one");
            }
            names.add(name);
        }
        columnNames = new byte[fieldCount][];
        for (int i = 0; i < fieldCount; i++) {
            ByteSink json = new ByteSink();
            byte[] name = names.get(i).getBytes(StandardCharsets.UTF_8);
            json.appendJsonString(name, 0, name.length);
            json.append(':');
            columnNames[i] = Arrays.copyOf(json.array(), json.size());
        }
        isKey = new boolean[fieldCount];
        keyColumns = new int[options.key().size()];
        for (int i = 0; i < keyColumns.length; i++) {
            keyColumns[i] = column(names, options.key().get(i), "--key");
            isKey[keyColumns[i]] = true;
        }
        valueColumn = column(names, options.value(), "--value");
        deleteColumn = column(names, options.deleteName(), "--delete-if");
        opened = true;
    }

    private boolean startsWithMark() {
        int start = lines.start();
        int to = start + BYTE_ORDER_MARK.length;
        return to <= lines.end()
                && Arrays.equals(
                        lines.array(), start, to, BYTE_ORDER_MARK, 0, BYTE_ORDER_MARK.length);
    }

    private int column(List<String> names, @Nullable String name, String option)
            throws BadLineException {
        if (name == null) {
            return NONE;
        }
        int index = names.indexOf(name);
        if (index < 0) {
            throw bad(
                    lines.start(),
                    "the header names no column '"
                            + name
                            + "' for "
                            + option
                            + "; its columns are "
                            + String.join(", ", names));
        }
        return index;
    }

    @Override
    public boolean next() throws IOException, BadLineException {
        open();
        if (!lines.next()) {
            return false;
        }
        split(0);
        if (fieldCount != columnNames.length) {
            throw bad(
                    lines.start(),
                    "the record has "
                            + fieldCount
                            + (fieldCount == 1 ? " field" : " fields")
                            + ", the header names "
                            + columnNames.length
                            + " columns; quote a field that holds a comma");
        }
        takeKey();
        delete = deleteColumn != NONE && isDeleteText(deleteColumn);
        if (delete) {
            valueSize = 0;
        } else if (valueColumn != NONE) {
            valueArray = fieldArray(valueColumn);
            valueOffset = fieldOffset(valueColumn);
            valueSize = size(valueColumn);
        } else {
            buildValue();
        }
        checkValue(lines.start(), valueSize);
        return true;
    }

    private void takeKey() throws BadLineException {
        if (keyColumns.length == 1) {
            keyArray = fieldArray(keyColumns[0]);
            keyOffset = fieldOffset(keyColumns[0]);
            keySize = size(keyColumns[0]);
        } else {
            key.clear();
            for (int i = 0; i < keyColumns.length; i++) {
                int column = keyColumns[i];
                if (i > 0) {
                    key.append('\t');
                }
                int from = fieldOffset(column);
                key.appendEscaped(fieldArray(column), from, from + size(column));
            }
            keyArray = key.array();
            keyOffset = 0;
            keySize = key.size();
        }
        checkKey(keySize);
    }

    private boolean isDeleteText(int column) {
        int from = fieldOffset(column);
        return Arrays.equals(
                fieldArray(column), from, from + size(column), deleteText, 0, deleteText.length);
    }

    private void buildValue() {
        value.clear();
        value.append('{');
        for (int i = 0; i < fieldCount; i++) {
            if (isKey[i]) {
                continue;
            }
            if (value.size() > 1) {
                value.append(',');
            }
            value.append(columnNames[i], 0, columnNames[i].length);
            int from = fieldOffset(i);
            value.appendJsonString(fieldArray(i), from, from + size(i));
        }
        value.append('}');
        valueArray = value.array();
        valueOffset = 0;
        valueSize = value.size();
    }

    /** The array that holds a field: the line, or the copy with its quotes undoubled. */
    private byte[] fieldArray(int field) {
        return fieldDoubled[field] ? undoubled.array() : lines.array();
    }

    private int fieldOffset(int field) {
        return fieldDoubled[field] ? fieldFrom[field] : lines.start() + fieldFrom[field];
    }

    private int size(int field) {
        return fieldTo[field] - fieldFrom[field];
    }

    /** Copies the fields with doubled quotes, with one of each pair. The line stays as it is. */
    private void undouble() {
        undoubled.clear();
        byte[] array = lines.array();
        int start = lines.start();
        for (int i = 0; i < fieldCount; i++) {
            if (!fieldDoubled[i]) {
                continue;
            }
            int to = start + fieldTo[i];
            int at = start + fieldFrom[i];
            fieldFrom[i] = undoubled.size();
            while (at < to) {
                int quote = ByteSearch.indexOf(array, at, to, '"');
                undoubled.append(array, at, Math.min(quote + 1, to));
                at = quote + 2;
            }
            fieldTo[i] = undoubled.size();
        }
    }

    /** Splits the record, which starts with this line and may take more of them, into fields. */
    private void split(int from) throws IOException, BadLineException {
        if (lines.isOverlong()) {
            throw overlong();
        }
        fieldCount = 0;
        int at = from;
        while (true) {
            boolean quoted =
                    lines.start() + at < lines.end() && lines.array()[lines.start() + at] == '"';
            at = quoted ? quotedField(at) : plainField(at);
            if (lines.start() + at == lines.end()) {
                break;
            }
            at++; // the comma
        }
        int invalid = Utf8.firstInvalid(lines.array(), lines.start(), lines.end());
        if (invalid < lines.end()) {
            byte found = lines.array()[invalid];
            throw bad(
                    invalid,
                    "the record is not UTF-8 (byte " + hex(found) + "); encode it as UTF-8");
        }
        undouble();
    }

    /** Takes the field that starts at {@code from}; returns where its comma or the end is. */
    private int plainField(int from) throws BadLineException {
        byte[] array = lines.array();
        int start = lines.start();
        int to = ByteSearch.indexOfEither(array, start + from, lines.end(), ',', '"');
        if (to < lines.end() && array[to] == '"') {
            throw badQuote(
                    lines.lastNumber() == lines.number() ? to : start,
                    "a quote stands within an unquoted field");
        }
        boolean carriageReturn = to == lines.end() && to > start + from && array[to - 1] == '\r';
        addField(from, to - start - (carriageReturn ? 1 : 0), false);
        return to - start;
    }

    /**
     * Takes the quoted field that starts at {@code from}; returns where its comma or the end is.
     */
    private int quotedField(int from) throws IOException, BadLineException {
        boolean doubled = false;
        int scanned = from + 1;
        while (true) {
            int start = lines.start();
            int end = lines.end();
            int quote = ByteSearch.indexOf(lines.array(), start + scanned, end, '"');
            if (quote == end) {
                scanned = end - start;
                if (!lines.extend() || lines.isOverlong()) {
                    lines.keepFirstLine();
                    throw bad(lines.start() + from, "the quote is never closed; add the other one");
                }
                continue;
            }
            if (quote + 1 < end && lines.array()[quote + 1] == '"') {
                doubled = true;
                scanned = quote + 2 - start;
                continue;
            }
            addField(from + 1, quote - start, doubled);
            int after = quote + 1;
            if (after == end || lines.array()[after] == ',') {
                return after - start;
            }
            if (lines.array()[after] == '\r' && after + 1 == end) {
                return end - start;
            }
            throw badQuote(start + from, "text follows the closing quote of this field");
        }
    }

    /** Refuses the first line of the record: what follows it may be good when read by itself. */
    private BadLineException badQuote(int offset, String what) {
        String where = lines.lastNumber() == lines.number() ? "" : " in line " + lines.lastNumber();
        lines.keepFirstLine();
        return bad(offset, what + where + "; quote the whole field and double the quotes in it");
    }

    private void addField(int from, int to, boolean doubled) {
        if (fieldCount == fieldFrom.length) {
            fieldFrom = Arrays.copyOf(fieldFrom, fieldCount * 2);
            fieldTo = Arrays.copyOf(fieldTo, fieldCount * 2);
            fieldDoubled = Arrays.copyOf(fieldDoubled, fieldCount * 2);
        }
        fieldFrom[fieldCount] = from;
        fieldTo[fieldCount] = to;
        fieldDoubled[fieldCount] = doubled;
        fieldCount++;
    }
}
