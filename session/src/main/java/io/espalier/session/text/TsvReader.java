package io.espalier.session.text;

import java.io.IOException;

/** Reads {@link TextFormat#TSV}. A line is checked whole, then unescaped where it lies. */
final class TsvReader extends RowReader {

    private final boolean crlf;

    TsvReader(LineReader lines, Options options) {
        super(lines);
        this.crlf = options.crlf();
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
        int start = lines.start();
        int end = lines.end();
        if (crlf && end > start && array[end - 1] == '\r') {
            end--;
        }
        int tab = ByteSearch.indexOf(array, start, end, '\t');
        int keyEscapes = checkEscapes(array, start, tab);
        int invalid = Utf8.firstInvalid(array, start, tab);
        if (invalid < tab) {
            throw bad(
                    invalid,
                    "the key is not UTF-8 (byte " + hex(array[invalid]) + "); encode it as UTF-8");
        }
        checkKey(tab - start - keyEscapes);
        boolean withValue = tab < end;
        int valueEscapes = withValue ? checkEscapes(array, tab + 1, end) : 0;
        checkValue(tab + 1, withValue ? end - tab - 1 - valueEscapes : 0);

        // all is well: only now the line may change
        delete = !withValue;
        keyArray = array;
        keyOffset = start;
        keySize = keyEscapes == 0 ? tab - start : Escapes.unescape(array, start, tab);
        valueArray = array;
        valueOffset = withValue ? tab + 1 : end;
        valueSize =
                withValue
                        ? valueEscapes == 0 ? end - tab - 1 : Escapes.unescape(array, tab + 1, end)
                        : 0;
        return true;
    }

    /** Checks for raw tabs and bad escapes; returns how many escapes there are. */
    private int checkEscapes(byte[] array, int from, int to) throws BadLineException {
        int count = 0;
        int i = from;
        while (true) {
            i = ByteSearch.indexOfEither(array, i, to, '\\', '\t');
            if (i == to) {
                return count;
            }
            if (array[i] == '\t') {
                throw bad(
                        i,
                        "a second tab; a line is key<TAB>value, write \\t for a tab within the"
                                + " value");
            }
            if (!Escapes.isEscape(array, i, to)) {
                throw bad(i, Escapes.badEscape(array, i, to));
            }
            count++;
            i += 2;
        }
    }

    @Override
    String emptyKey() {
        return "the key is empty; a line is key<TAB>value, or key alone to delete";
    }
}
