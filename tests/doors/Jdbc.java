import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.util.Properties;

/** JDBC over the Postgres door: java -cp postgresql.jar Jdbc.java URL USER PASSWORD. */
public class Jdbc {
    static int rows(ResultSet found, String... columns) throws Exception {
        int rows = 0;
        while (found.next()) {
            StringBuilder line = new StringBuilder();
            for (String column : columns) {
                line.append(' ').append(found.getString(column));
            }
            if (columns.length > 0) {
                System.out.println(line);
            }
            rows++;
        }
        return rows;
    }

    public static void main(String[] arguments) throws Exception {
        Properties properties = new Properties();
        properties.setProperty("user", arguments[1]);
        properties.setProperty("password", arguments.length > 2 ? arguments[2] : "");
        try (Connection connection = DriverManager.getConnection(arguments[0], properties)) {
            DatabaseMetaData data = connection.getMetaData();
            System.out.println(data.getDatabaseProductName() + " " + data.getDatabaseProductVersion());
            rows(data.getSchemas(), "TABLE_SCHEM");
            rows(data.getCatalogs(), "TABLE_CAT");
            System.out.println("types " + rows(data.getTableTypes()));
            rows(data.getTables(null, "lakehouse", "%", new String[] {"TABLE"}), "TABLE_SCHEM", "TABLE_NAME", "TABLE_TYPE");
            System.out.println("all " + (rows(data.getTables(null, null, "%", null)) > 0));
            rows(data.getColumns(null, "lakehouse", "machine_learning_curated", "%"),
                "COLUMN_NAME", "TYPE_NAME", "DATA_TYPE", "IS_NULLABLE", "ORDINAL_POSITION");
            System.out.println("keys " + rows(data.getPrimaryKeys(null, "lakehouse", "machine_learning_curated")));
            System.out.println("indexes " + rows(data.getIndexInfo(null, "lakehouse", "machine_learning_curated", false, false)));
            System.out.println("imported " + rows(data.getImportedKeys(null, "lakehouse", "machine_learning_curated")));
            System.out.println("type info " + (rows(data.getTypeInfo()) > 10));
            try (PreparedStatement statement = connection.prepareStatement(
                    "select count(*) from machine_learning_curated where x > ? and serialnumber <> ?")) {
                for (int time = 0; time < 8; time++) {
                    statement.setDouble(1, -1000);
                    statement.setString(2, "it's");
                    try (ResultSet found = statement.executeQuery()) {
                        found.next();
                        System.out.println("prepared " + found.getLong(1));
                    }
                }
            }
            connection.setAutoCommit(false);
            try (PreparedStatement statement = connection.prepareStatement("select * from machine_learning_curated")) {
                statement.setFetchSize(1000);
                ResultSet found = statement.executeQuery();
                ResultSetMetaData columns = found.getMetaData();
                for (int column = 1; column <= columns.getColumnCount(); column++) {
                    System.out.print(columns.getColumnName(column) + ":" + columns.getColumnTypeName(column) + " ");
                }
                System.out.println();
                System.out.println("fetched " + rows(found));
            }
            connection.commit();
            try (PreparedStatement statement = connection.prepareStatement("select ? + 1, ?, cast(? as date)")) {
                statement.setInt(1, 41);
                statement.setTimestamp(2, java.sql.Timestamp.valueOf("2024-01-31 12:00:00"));
                statement.setObject(3, java.time.LocalDate.of(2024, 2, 29));
                ResultSet found = statement.executeQuery();
                found.next();
                System.out.println(found.getLong(1) + " " + found.getString(2) + " " + found.getDate(3));
            }
        }
    }
}
