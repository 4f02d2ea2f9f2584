package io.espalier.jmh;

import java.io.IOException;
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
import org.rocksdb.CompactRangeOptions;
import org.rocksdb.CompressionType;
import org.rocksdb.EnvOptions;
import org.rocksdb.IngestExternalFileOptions;
import org.rocksdb.LRUCache;
import org.rocksdb.Options;
import org.rocksdb.ReadOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;
import org.rocksdb.SstFileWriter;
import org.rocksdb.Status;

/**
 * RocksDB after its tuning guide: sorted files written apart and ingested by moving, which needs no
 * log; a bloom filter of 10 bits a key; a block cache that holds everything; compactions only when
 * asked for; no compression; direct buffers.
 */
final class RocksPeer implements Peer {

    private static final int BATCH = 1000;
    private static final long CACHE_BYTES_MIN = 64L << 20;
    private static final int BLOOM_BITS = 10;

    private final PeerData data;
    private final Path folder;
    private final HitBuffer hits;
    private final List<AbstractNativeReference> owned = new ArrayList<>();
    private final Options options;
    private final ReadOptions reads;
    private final EnvOptions environment;
    private final IngestExternalFileOptions ingest;
    private final CompactRangeOptions compaction;
    private final ByteBuffer keys;
    private final ByteBuffer vals;
    private final ByteBuffer key;
    private final ByteBuffer val;
    private final List<ByteBuffer> keyBatch = new ArrayList<>();
    private final List<ByteBuffer> valBatch = new ArrayList<>();
    private @Nullable RocksDB db;
    private int generation;

    RocksPeer(PeerData data) throws IOException {
        RocksDB.loadLibrary();
        this.data = data;
        folder = Folders.make("rocksdb");
        hits = new HitBuffer(data);
        keys = data.sortedKeys().duplicate();
        vals = data.vals().duplicate();
        key = ByteBuffer.allocateDirect(data.shape().keyBytes());
        val = direct(data.shape().valBytes());
        for (int i = 0; i < BATCH; i++) {
            keyBatch.add(direct(data.shape().keyBytes()));
            valBatch.add(direct(data.shape().valBytes()));
        }
        long dataBytes = (long) data.count() * (data.shape().keyBytes() + data.shape().valBytes());
        BlockBasedTableConfig tables =
                new BlockBasedTableConfig()
                        .setBlockCache(own(new LRUCache(CACHE_BYTES_MIN + 4 * dataBytes)))
                        .setFilterPolicy(own(new BloomFilter(BLOOM_BITS)));
        options =
                own(new Options())
                        .setCreateIfMissing(true)
                        .setCompressionType(CompressionType.NO_COMPRESSION)
                        .setDisableAutoCompactions(true)
                        .setTableFormatConfig(tables);
        reads = own(new ReadOptions());
        environment = own(new EnvOptions());
        ingest = own(new IngestExternalFileOptions()).setMoveFiles(true);
        compaction =
                own(new CompactRangeOptions())
                        .setBottommostLevelCompaction(
                                CompactRangeOptions.BottommostLevelCompaction.kForce);
        reset();
    }

    private static ByteBuffer direct(int bytes) {
        return ByteBuffer.allocateDirect(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private <T extends AbstractNativeReference> T own(T reference) {
        owned.add(reference);
        return reference;
    }

    private RocksDB db() {
        RocksDB open = db;
        if (open == null) {
            throw new IllegalStateException("closed");
        }
        return open;
    }

    @Override
    public String name() {
        return "rocksdb";
    }

    @Override
    public String howLoaded() {
        return "sorted file, ingested";
    }

    @Override
    public String howMerged() {
        return "compactRange of two files";
    }

    @Override
    public void reset() throws IOException {
        if (db != null) {
            db.close();
            db = null;
        }
        Folders.delete(folder);
        Files.createDirectory(folder);
        try {
            db = RocksDB.open(options, folder.resolve("db").toString());
        } catch (RocksDBException e) {
            throw new IOException(e);
        }
    }

    @Override
    public void load() throws IOException {
        try {
            db().ingestExternalFile(List.of(write(PeerData.ALL)), ingest);
        } catch (RocksDBException e) {
            throw new IOException(e);
        }
    }

    private String write(int part) throws RocksDBException {
        String file = folder.resolve("run-" + generation++).toString();
        try (SstFileWriter writer = new SstFileWriter(environment, options)) {
            writer.open(file);
            for (int i : data.part(part)) {
                data.atKey(keys, i);
                data.atVal(vals, i);
                writer.put(keys, vals);
            }
            writer.finish();
        }
        return file;
    }

    @Override
    public long sizeBytes() throws IOException {
        try {
            return db().getLongProperty("rocksdb.live-sst-files-size");
        } catch (RocksDBException e) {
            throw new IOException(e);
        }
    }

    @Override
    public List<Way> ways(int step) {
        return List.of(
                new Way("multiGet", () -> multiGet(step)),
                new Way("seek", () -> seek(step, false)),
                new Way("next, else seek", () -> seek(step, true)));
    }

    private long multiGet(int step) throws IOException {
        hits.clear();
        try {
            for (int from = 0; from < data.count(); from += BATCH * step) {
                int batch = Math.min(BATCH, data.hits(step) - from / step);
                for (int i = 0; i < batch; i++) {
                    // a copy, since it takes a buffer for its key from 0 on, whatever its position
                    data.atKey(keys, from + i * step);
                    keyBatch.get(i).clear().put(keys).flip();
                    valBatch.get(i).clear();
                }
                var found =
                        db().multiGetByteBuffers(
                                        reads,
                                        keyBatch.subList(0, batch),
                                        valBatch.subList(0, batch));
                for (int i = 0; i < batch; i++) {
                    if (found.get(i).status.getCode() == Status.Code.Ok) {
                        hits.add(from + i * step, valBatch.get(i));
                    }
                }
            }
        } catch (RocksDBException e) {
            throw new IOException(e);
        }
        return hits.count();
    }

    private long seek(int step, boolean nextFirst) {
        hits.clear();
        try (RocksIterator at = db().newIterator(reads)) {
            boolean moved = false;
            for (int i = 0; i < data.count(); i += step) {
                if (nextFirst && moved) {
                    at.next();
                    if (isAt(at, i)) {
                        take(at, i);
                        continue;
                    }
                }
                data.atKey(keys, i);
                at.seek(keys);
                moved = true;
                if (isAt(at, i)) {
                    take(at, i);
                }
            }
        }
        return hits.count();
    }

    private boolean isAt(RocksIterator at, int i) {
        if (!at.isValid()) {
            return false;
        }
        at.key(key.clear());
        data.atKey(keys, i);
        return key.equals(keys);
    }

    private void take(RocksIterator at, int i) {
        at.value(hits.next());
        hits.wrote(i);
    }

    @Override
    public void eachHit(HitVisitor visitor) {
        hits.eachHit(visitor);
    }

    @Override
    public long scan() {
        int tail = data.shape().keyBytes() - 1;
        long digest = 0;
        try (RocksIterator at = db().newIterator(reads)) {
            for (at.seekToFirst(); at.isValid(); at.next()) {
                at.key(key.clear());
                at.value(val.clear());
                digest += val.getLong(0) + key.get(tail);
            }
        }
        return digest;
    }

    @Override
    public void readyMerge() throws IOException {
        reset();
        try {
            db().ingestExternalFile(List.of(write(0)), ingest);
            db().ingestExternalFile(List.of(write(1)), ingest);
        } catch (RocksDBException e) {
            throw new IOException(e);
        }
    }

    @Override
    public void merge() throws IOException {
        try {
            db().compactRange(db().getDefaultColumnFamily(), null, null, compaction);
        } catch (RocksDBException e) {
            throw new IOException(e);
        }
    }

    @Override
    public long scanMerged() {
        return scan();
    }

    @Override
    public void close() throws IOException {
        if (db != null) {
            db.close();
            db = null;
        }
        for (AbstractNativeReference reference : owned.reversed()) {
            reference.close();
        }
        Folders.delete(folder);
    }
}
