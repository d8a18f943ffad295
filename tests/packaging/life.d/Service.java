import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.InetAddress;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.Security;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ThreadLocalRandom;

/** Service NAME PAUSE_MS: a daemon in Java, without Java's own cache, so that each lookup comes to getaddrinfo(3). */
public final class Service {
    private static final Path PLACE = Path.of("/run/life");
    private static final Map<String, Set<String>> KNOWN = new TreeMap<>();
    private static final List<String> ORDER = new ArrayList<>();
    private static final List<String> SITES = new ArrayList<>();
    private static String client;
    private static long count;

    private interface Work {
        void once() throws IOException;
    }

    public static void main(String[] arguments) throws Exception {
        Security.setProperty("networkaddress.cache.ttl", "0");
        Security.setProperty("networkaddress.cache.negative.ttl", "0");
        client = arguments[0];
        long pause = Long.parseLong(arguments[1]);
        for (String line : Files.readAllLines(PLACE.resolve("names"))) {
            String[] words = line.split("[ ,]");
            Set<String> addresses = new TreeSet<>();
            for (int i = 1; i < words.length; i++) {
                addresses.add(InetAddress.getByName(words[i]).getHostAddress());
            }
            KNOWN.put(words[0], addresses);
            ORDER.add(words[0]);
            if (words[0].startsWith("www")) {
                SITES.add(words[0]);
            }
        }
        new Thread(() -> repeat(Service::lookUp, pause)).start();
        new Thread(() -> repeat(Service::lookUp, pause)).start();
        new Thread(() -> repeat(Service::fetch, pause * 4)).start();
    }

    private static String some(List<String> names) {
        return names.get(ThreadLocalRandom.current().nextInt(names.size()));
    }

    private static void lookUp() throws IOException {
        String name = some(ORDER);
        Set<String> found = new TreeSet<>();
        for (InetAddress address : InetAddress.getAllByName(name)) {
            found.add(address.getHostAddress());
        }
        if (!found.equals(KNOWN.get(name))) {
            throw new IOException(name + " is " + found);
        }
    }

    private static void fetch() throws IOException {
        HttpURLConnection connection = (HttpURLConnection) new URL("http://" + some(SITES) + "/health").openConnection();
        try (InputStream answer = connection.getInputStream()) {
            if (!new String(answer.readAllBytes()).equals("ok\n")) {
                throw new IOException("not the right page");
            }
        } finally {
            connection.disconnect();
        }
    }

    private static void repeat(Work work, long pause) {
        try {
            while (!Files.exists(PLACE.resolve("stop"))) {
                if (Files.exists(PLACE.resolve("pause"))) {
                    Thread.sleep(50);
                    continue;
                }
                try {
                    work.once();
                } catch (IOException error) {
                    write("failed", String.format("%.3f %s%n", System.currentTimeMillis() / 1000.0, error), true);
                }
                synchronized (Service.class) {
                    write("count", ++count + "\n", false);
                }
                Thread.sleep(pause);
            }
        } catch (IOException | InterruptedException error) {
            error.printStackTrace();
            System.exit(1);
        }
    }

    private static synchronized void write(String kind, String text, boolean more) throws IOException {
        Path file = PLACE.resolve("out").resolve(client + "." + kind);
        if (more) {
            Files.writeString(file, text, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } else {
            Files.writeString(file, text);
        }
    }
}
