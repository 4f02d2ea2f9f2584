package io.espalier.pager;

import static io.espalier.pager.Fixture.KIB;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.management.MBeanServer;
import javax.management.ObjectName;
import javax.management.openmbean.CompositeData;
import jdk.jfr.DataAmount;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a pager does can be seen from outside: in flight recordings and through JMX. */
final class EventsTest {

    private static final long IMAGE = 64 * KIB;

    private final FaultyDisk disk = new FaultyDisk();

    private Fixture fixture() {
        return new Fixture(
                2 * IMAGE, o -> o.withCodecPolicy(CodecPolicy.survivors(Codec.LZ4)), disk::open);
    }

    @Test
    void recordingsTellWhatWentAndCame(@TempDir Path folder) throws Exception {
        // fails if an event is missing, doubled, or tells another number than the statistics
        Path file = folder.resolve("pager.jfr");
        SpillStats stats;
        try (Recording recording = new Recording();
                Fixture f = fixture()) {
            for (String name : List.of("PageOut", "PageIn", "Eviction")) {
                recording.enable("io.espalier." + name).withoutThreshold();
            }
            recording.start();
            List<Image> images = new ArrayList<>();
            for (int i = 0; i < 6; i++) {
                images.add(f.adopt(IMAGE, i, i % 3));
            }
            images.add(f.adopt(IMAGE, 6));
            disk.failWrite(0);
            assertThrows(SpillException.class, images.get(6)::pageOut);
            for (int i = 0; i < 7; i++) {
                f.assertHolds(images.get(i), i);
                images.get(i).close();
            }
            recording.stop();
            recording.dump(file);
            stats = f.pager.stats();
        }
        List<RecordedEvent> outs = events(file, "PageOut");
        List<RecordedEvent> written = outs.stream().filter(e -> e.getBoolean("written")).toList();
        assertEquals(stats.pagedOut().count(), written.size());
        assertEquals(stats.pagedOut().failures(), outs.size() - written.size());
        assertEquals(stats.pagedOut().rawBytes(), sum(written, "rawBytes"));
        assertEquals(stats.pagedOut().storedBytes(), sum(written, "storedBytes"));
        assertTrue(written.stream().anyMatch(e -> "LZ4".equals(e.getString("codec"))));
        List<RecordedEvent> ins = events(file, "PageIn");
        assertEquals(stats.pagedIn().count(), ins.size());
        assertEquals(stats.pagedIn().rawBytes(), sum(ins, "rawBytes"));
        assertTrue(ins.stream().noneMatch(e -> e.getBoolean("ahead")));
        List<RecordedEvent> evictions = events(file, "Eviction");
        assertEquals(stats.policy().evictions(), evictions.size());
        assertEquals(
                stats.policy().evictionsFree(),
                evictions.stream().filter(e -> e.getBoolean("copy")).count());
        assertTrue(evictions.stream().anyMatch(e -> e.getInt("depth") == 2));
        // the tools show sizes as such
        assertNotNull(
                outs.getFirst()
                        .getEventType()
                        .getField("rawBytes")
                        .getAnnotation(DataAmount.class));
        assertEquals("Page Out", outs.getFirst().getEventType().getLabel());
    }

    private static List<RecordedEvent> events(Path file, String name) throws Exception {
        return RecordingFile.readAllEvents(file).stream()
                .filter(event -> event.getEventType().getName().equals("io.espalier." + name))
                .toList();
    }

    private static long sum(List<RecordedEvent> events, String field) {
        return events.stream().mapToLong(event -> event.getLong(field)).sum();
    }

    @Test
    void managementToolsReadTheStatistics() throws Exception {
        // fails if an item is missing, stale, or the bean outlives its registration
        MBeanServer server = ManagementFactory.getPlatformMBeanServer();
        ObjectName name;
        try (Fixture f = fixture()) {
            PagerRegistration registration = f.pager.register("events-test");
            name = registration.name();
            assertEquals("io.espalier:type=Pager,name=events-test", name.toString());
            IllegalStateException e =
                    assertThrows(
                            IllegalStateException.class, () -> f.pager.register("events-test"));
            Fixture.assertSays(e, "events-test");
            assertEquals(0L, item(server, name, "PagedOut", "count"));
            Image image = f.adopt(IMAGE, 1);
            assertTrue(image.pageOut());
            f.assertHolds(image, 1);
            assertEquals(1L, item(server, name, "PagedOut", "count"));
            assertEquals(IMAGE, item(server, name, "PagedOut", "rawBytes"));
            assertEquals(1L, item(server, name, "PagedIn", "count"));
            assertEquals(2 * IMAGE, item(server, name, "Budget", "totalBytes"));
            CompositeData all = (CompositeData) server.getAttribute(name, "Stats");
            CompositeData out = (CompositeData) all.get("pagedOut");
            CompositeData latency = (CompositeData) out.get("latency");
            assertEquals(1L, latency.get("count"));
            for (var attribute : server.getMBeanInfo(name).getAttributes()) {
                assertNotNull(server.getAttribute(name, attribute.getName()));
                assertFalse(attribute.isWritable());
            }
            registration.close();
            registration.close();
            assertFalse(server.isRegistered(name));
            // again, with signs that names must quote, and left to the pager to take out
            name = f.pager.register("C:\\data, \"mine\"").name();
            assertTrue(server.isRegistered(name));
            image.close();
        }
        assertFalse(server.isRegistered(name));
    }

    private static Object item(MBeanServer server, ObjectName name, String part, String item)
            throws Exception {
        return ((CompositeData) server.getAttribute(name, part)).get(item);
    }

    @Test
    void aClosedPagerIsNotShown() {
        // fails if a bean could be registered that nobody takes out
        Fixture f = fixture();
        f.close();
        assertThrows(IllegalStateException.class, () -> f.pager.register("closed"));
    }
}
