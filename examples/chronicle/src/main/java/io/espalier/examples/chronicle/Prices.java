package io.espalier.examples.chronicle;

import io.espalier.columnar.Batch;
import io.espalier.columnar.ChainBuilder;
import io.espalier.columnar.ColumnBuilder;
import io.espalier.columnar.ColumnType;
import io.espalier.columnar.Extractor;
import io.espalier.columnar.MergeBatcher;
import io.espalier.columnar.TrieBuilder;
import io.espalier.columnar.TrieType;
import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import io.espalier.pager.Pager;
import io.espalier.pager.PagerOptions;
import io.espalier.session.Store;
import io.espalier.session.StoreOptions;
import io.espalier.session.chronicle.BytesRows;
import io.espalier.session.chronicle.BytesTable;
import io.espalier.session.chronicle.BytesWriter;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import net.openhft.chronicle.bytes.Bytes;

/**
 * Prices that an application has as {@code Bytes}: kept in a durable table, and, in the second
 * part, collected in chunks and read back in bulk. Nothing passes through the Java heap on the way.
 */
public final class Prices {

    private static final int SYMBOLS = 1000;

    private Prices() {}

    /** Runs both parts in a new folder for temporary files, and says what came out. */
    public static void main(String[] arguments) throws IOException {
        Path folder = Files.createTempDirectory("espalier-prices");
        run(folder, System.out);
    }

    static void run(Path folder, PrintStream out) {
        try (NativeMemory memory = NativeMemory.open()) {
            table(folder.resolve("store"), memory, out);
            bulk(folder, memory, out);
        }
    }

    /** A price: 8 bytes of it, then a stop-bit encoded volume. */
    private static void price(Bytes<?> target, int symbol) {
        target.writeDouble(100 + symbol / 8.0).writeStopBit(symbol * 1000L);
    }

    private static void table(Path directory, NativeMemory memory, PrintStream out) {
        Bytes<?> key = Bytes.allocateElasticDirect();
        Bytes<?> value = Bytes.allocateElasticDirect();
        StoreOptions options = StoreOptions.defaults().withCreate(true);
        try (Store store = Store.open(directory, options);
                BytesTable prices = new BytesTable(store.table("prices"), memory)) {
            for (int symbol = 0; symbol < SYMBOLS; symbol++) {
                key.clear().append("SYM-").append(symbol);
                value.clear();
                price(value, symbol);
                prices.put(key, value);
            }
            out.println("committed epoch " + store.commit());
            key.clear().append("SYM-").append(42);
            value.clear();
            if (prices.get(key, value)) {
                out.println(key + " is " + value.readDouble() + ", volume " + value.readStopBit());
            }
        } finally {
            key.releaseLast();
            value.releaseLast();
        }
    }

    private static void bulk(Path folder, NativeMemory memory, PrintStream out) {
        TrieType type = TrieType.BYTES_TO_BYTES;
        MemoryBudget budget = new MemoryBudget(1 << 20);
        try (Pager pager = Pager.open(memory, budget, PagerOptions.in(folder));
                Batch all = collect(pager, type);
                Batch staged = new Batch(type);
                ColumnBuilder probes = ColumnBuilder.distinct(memory, ColumnType.BYTES);
                BytesWriter writer = new BytesWriter(memory)) {
            // the keys that are wanted, ascending: big-endian numbers are in the order of bytes
            for (int symbol = 0; symbol < SYMBOLS; symbol += 250) {
                writer.begin(Long.BYTES).writeLong(Long.reverseBytes(symbol));
                writer.appendTo(probes);
            }
            try (ChainBuilder chain =
                    new ChainBuilder(
                            new TrieBuilder(memory, type),
                            ChainBuilder.TARGET_BYTES_DEFAULT,
                            staged.sink(pager, 0))) {
                new Extractor().extract(all, probes.column(), chain);
                chain.finish();
            }
            try (BytesRows rows = new BytesRows(staged)) {
                while (rows.next()) {
                    long symbol = Long.reverseBytes(rows.key().readLong());
                    Bytes<?> price = rows.val();
                    out.println(
                            symbol
                                    + " is "
                                    + price.readDouble()
                                    + ", volume "
                                    + price.readStopBit());
                }
            }
        }
    }

    /** Updates in any order become a sorted, consolidated batch. */
    private static Batch collect(Pager pager, TrieType type) {
        try (MergeBatcher batcher = new MergeBatcher(pager, type);
                BytesWriter key = new BytesWriter(pager.memory());
                BytesWriter value = new BytesWriter(pager.memory())) {
            for (int symbol = SYMBOLS - 1; symbol >= 0; symbol--) {
                key.begin(Long.BYTES).writeLong(Long.reverseBytes(symbol));
                price(value.begin(32), symbol);
                batcher.add(
                        key.segment(),
                        key.offset(),
                        key.sizeBytes(),
                        value.segment(),
                        value.offset(),
                        value.sizeBytes(),
                        1,
                        1);
            }
            return batcher.seal(MergeBatcher.NO_TIME);
        }
    }
}
