package io.espalier.jmh;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.rocksdb.AbstractNativeReference;
import org.rocksdb.BlockBasedTableConfig;
import org.rocksdb.BloomFilter;
import org.rocksdb.CompressionType;
import org.rocksdb.FlushOptions;
import org.rocksdb.LRUCache;
import org.rocksdb.Options;
import org.rocksdb.ReadOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;
import org.rocksdb.Status;
import org.rocksdb.WriteBatch;
import org.rocksdb.WriteOptions;

/**
 * RocksDB after its tuning guide: a write batch a commit with a synced log, levels, two background
 * jobs, a bloom filter of 10 bits a key, no compression, direct buffers.
 */
final class RocksTracePeer implements TracePeer {

    private static final int BATCH = 1000;
    private static final int BLOOM_BITS = 10;
    private static final long PAUSE_MILLIS = 5;

    private final Path folder = Folders.make("trace-rocksdb");
    private final List<AbstractNativeReference> owned = new ArrayList<>();
    private final Options options;
    private final ReadOptions reads;
    private final WriteOptions writes;
    private final ByteBuffer val =
            ByteBuffer.allocateDirect(TraceData.VAL_BYTES).order(ByteOrder.nativeOrder());
    private final List<ByteBuffer> keyBatch = new ArrayList<>();
    private final List<ByteBuffer> valBatch = new ArrayList<>();
    private @Nullable RocksDB db;

    RocksTracePeer() throws IOException {
        RocksDB.loadLibrary();
        BlockBasedTableConfig tables =
                new BlockBasedTableConfig()
                        .setBlockCache(own(new LRUCache(EspalierTracePeer.BUDGET_BYTES)))
                        .setFilterPolicy(own(new BloomFilter(BLOOM_BITS)));
        options =
                own(new Options())
                        .setCreateIfMissing(true)
                        .setCompressionType(CompressionType.NO_COMPRESSION)
                        .setMaxBackgroundJobs(2)
                        .setTableFormatConfig(tables);
        reads = own(new ReadOptions());
        writes = own(new WriteOptions()).setSync(true);
        for (int i = 0; i < BATCH; i++) {
            keyBatch.add(ByteBuffer.allocateDirect(TraceData.KEY_BYTES));
            valBatch.add(
                    ByteBuffer.allocateDirect(TraceData.VAL_BYTES).order(ByteOrder.nativeOrder()));
        }
        open();
    }

    private <T extends AbstractNativeReference> T own(T reference) {
        owned.add(reference);
        return reference;
    }

    private RocksDB db() {
        RocksDB open = db;
        if (open == null) {
            throw new IllegalStateException("shut");
        }
        return open;
    }

    @Override
    public String name() {
        return "rocksdb";
    }

    @Override
    public String howCommitted() {
        return "one write batch, log synced";
    }

    @Override
    public String howProbed() {
        return "multiGet of " + BATCH;
    }

    @Override
    public Path folder() {
        return folder;
    }

    @Override
    public void open() throws IOException {
        try {
            Files.createDirectories(folder);
            db = RocksDB.open(options, folder.resolve("db").toString());
        } catch (RocksDBException e) {
            throw new IOException(e);
        }
    }

    @Override
    public void commit(TraceData batch) throws IOException {
        ByteBuffer keys = batch.keyBuffer();
        ByteBuffer vals = batch.valBuffer();
        try (WriteBatch puts = new WriteBatch(batch.rows() * (TraceData.ROW_BYTES + 4))) {
            for (int i = 0; i < batch.rows(); i++) {
                keys.limit((i + 1) * TraceData.KEY_BYTES).position(i * TraceData.KEY_BYTES);
                vals.limit((i + 1) * TraceData.VAL_BYTES).position(i * TraceData.VAL_BYTES);
                puts.put(keys, vals);
            }
            db().write(writes, puts);
        } catch (RocksDBException e) {
            throw new IOException(e);
        }
    }

    @Override
    public void settle() throws IOException {
        try (FlushOptions flush = new FlushOptions().setWaitForFlush(true)) {
            db().flush(flush);
            while (db().getLongProperty("rocksdb.num-running-compactions") > 0
                    || db().getLongProperty("rocksdb.num-running-flushes") > 0
                    || db().getLongProperty("rocksdb.compaction-pending") > 0) {
                Thread.sleep(PAUSE_MILLIS);
            }
        } catch (RocksDBException e) {
            throw new IOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public boolean compact() throws IOException {
        try {
            db().compactRange();
            return true;
        } catch (RocksDBException e) {
            throw new IOException(e);
        }
    }

    @Override
    public void shut() {
        if (db != null) {
            db.close();
            db = null;
        }
    }

    @Override
    public long probe(MemorySegment probes) throws IOException {
        ByteBuffer keys = probes.asByteBuffer();
        int count = keys.capacity() / TraceData.KEY_BYTES;
        long digest = 0;
        try {
            for (int from = 0; from < count; from += BATCH) {
                int batch = Math.min(BATCH, count - from);
                for (int i = 0; i < batch; i++) {
                    int at = (from + i) * TraceData.KEY_BYTES;
                    // a copy, since it takes a buffer for its key from 0 on, whatever its position
                    keyBatch.get(i).put(0, keys, at, TraceData.KEY_BYTES).clear();
                    valBatch.get(i).clear();
                }
                var found =
                        db().multiGetByteBuffers(
                                        reads,
                                        keyBatch.subList(0, batch),
                                        valBatch.subList(0, batch));
                for (int i = 0; i < batch; i++) {
                    if (found.get(i).status.getCode() == Status.Code.Ok) {
                        digest += valBatch.get(i).getLong(0);
                    }
                }
            }
        } catch (RocksDBException e) {
            throw new IOException(e);
        }
        return digest;
    }

    @Override
    public long scan() {
        long digest = 0;
        try (RocksIterator at = db().newIterator(reads)) {
            for (at.seekToFirst(); at.isValid(); at.next()) {
                at.value(val.clear());
                digest += val.getLong(0);
            }
        }
        return digest;
    }

    @Override
    public void close() throws IOException {
        shut();
        for (AbstractNativeReference reference : owned.reversed()) {
            reference.close();
        }
        Folders.delete(folder);
    }
}
